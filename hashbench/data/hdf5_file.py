"""HDF5 files, which MATLAB writes as .mat of version 7.3, by h5py: an optional package, imported when a file needs it.

A file that anyone may have made is not followed out of itself: links and data in other files are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.errors import UserError
from hashbench.npz import most_bytes

_DEEPEST = 8
"""Groups within groups."""


def read_hdf5(path: Path, where: str, *, of_matlab: bool) -> dict[str, np.ndarray]:
    """All arrays of an HDF5 file, fields of groups under dotted names.

    Args:
        where: the start of messages.
        of_matlab: turn each array, which MATLAB stores by columns, and read its characters, cells and sparse matrices.

    Raises:
        UserError: h5py is missing, the file cannot be read, or claims far more data than it has bytes.
    """
    try:
        import h5py
    except ImportError as error:
        kind = "MATLAB v7.3 (HDF5)" if of_matlab else "HDF5"
        save = "save(..., '-v7') or as .npz" if of_matlab else "numpy.savez"
        raise UserError(
            f"{where} is a {kind} file, which needs h5py: pip install 'hashbench[hdf5]', or re-save it with {save}"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            return dict(_Reader(h5py, most_bytes(path.stat().st_size), of_matlab).arrays(file, "", 0))
    except Exception as error:  # damaged bytes make h5py fail in many ways
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{where} cannot be read ({reason}); the file may be damaged, save it again") from error


class _Reader:
    """Reads groups one in another, within a limit of bytes for all."""

    def __init__(self, h5py: Any, limit: int, of_matlab: bool) -> None:
        self._h5py, self._left, self._of_matlab = h5py, limit, of_matlab

    def arrays(self, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        """(dotted name, array) of a group and the groups in it."""
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} groups one in another")
        for name in group:
            if not isinstance(group.get(name, getlink=True), self._h5py.HardLink) or name.startswith("#"):
                continue
            item, dotted = group[name], f"{prefix}{name}"
            if isinstance(item, self._h5py.Dataset):
                array = self._array(item)
                if array is not None:
                    yield dotted, array
            elif self._of_matlab and "MATLAB_sparse" in item.attrs:
                yield dotted, self._sparse(item)
            else:
                yield from self.arrays(item, f"{dotted}.", depth + 1)

    def _array(self, dataset: Any) -> np.ndarray | None:
        """None for what is no array of numbers or strings."""
        kind = dataset.attrs.get("MATLAB_class", b"")
        if dataset.shape is None or dataset.is_virtual or dataset.external:
            return None
        self._spend(math.prod(dataset.shape) * dataset.dtype.itemsize)
        if self._h5py.check_string_dtype(dataset.dtype) is not None:
            text = dataset.asstr()[()]
            return np.array(text.tolist() if isinstance(text, np.ndarray) else text, dtype=str)
        if self._of_matlab and kind == b"cell":
            return self._strings(dataset)
        if dataset.dtype.kind not in "biuf" or (self._of_matlab and dataset.attrs.get("MATLAB_empty")):
            return None
        array: np.ndarray = dataset[()]
        if not self._of_matlab:
            return array
        if kind == b"char":
            return np.array([_text(array)])
        array = array.T
        return array.astype(bool) if kind == b"logical" else array

    def _strings(self, cells: Any) -> np.ndarray | None:
        """A cell array of strings; None for one of anything else."""
        words = []
        for reference in cells[()].T.reshape(-1):
            cell = cells.file[reference]
            if not isinstance(cell, self._h5py.Dataset) or cell.attrs.get("MATLAB_class") != b"char":
                return None
            self._spend(math.prod(cell.shape) * cell.dtype.itemsize)
            words.append("" if cell.attrs.get("MATLAB_empty") else _text(cell[()]))
        return np.array(words) if words else None

    def _sparse(self, group: Any) -> np.ndarray:
        """A sparse matrix, made dense."""
        import scipy.sparse

        starts = group["jc"][()]
        shape = int(group.attrs["MATLAB_sparse"]), len(starts) - 1
        parts = [group[name][()] if name in group else np.zeros(0) for name in ("data", "ir")]
        self._spend(math.prod(shape) * 8)
        dense: np.ndarray = scipy.sparse.csc_matrix((parts[0], parts[1].astype(np.int64), starts), shape).toarray()
        return dense

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError("it claims far more data than it has bytes")


def _text(codes: np.ndarray) -> str:
    """MATLAB's characters, one number each."""
    return codes.astype("<u2").T.tobytes().decode("utf-16-le", "replace")
