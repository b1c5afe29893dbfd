"""Reading .npz and .mat files into one flat mapping: name -> array, fields of MATLAB structs under dotted names."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.io.matlab
import scipy.sparse

from hashbench.errors import UserError
from hashbench.npz import read_npz
from hashbench.paths import is_dir, is_file

_HDF5 = b"\x89HDF"
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    zlib.error,
    scipy.io.matlab.MatReadError,
)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file: numeric, boolean or strings, dense.

    Raises:
        UserError: no such file, another suffix than .npz or .mat, a MATLAB v7.3 file, a file that cannot be read, an
            array of Python objects.
    """
    if is_dir(path) or path.suffix.lower() not in (".npz", ".mat"):
        raise UserError(f"features: {path} is not a .npz or .mat file; give such a file with --data-root FILE")
    if not is_file(path):
        raise UserError(f"features: there is no file {path}; give a .npz or .mat file with --data-root FILE")
    if path.suffix.lower() == ".npz":
        return read_npz(path, label=f"features: {path}", advice="save it again")
    try:
        return _read_mat(path)
    except UserError:
        raise
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"features: {path} cannot be read ({reason}); the file may be damaged, save it again"
        ) from error


def describe(arrays: Mapping[str, np.ndarray]) -> str:
    """What is in a file, for error messages.

    >>> describe({"X": np.zeros((3, 2))})
    'X (3, 2) float64'
    """
    return ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in arrays.items()) or "nothing"


def _read_mat(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        head = file.read(516)
    if head.startswith(b"MATLAB 7.3") or _HDF5 in (head[:4], head[512:516]):
        raise UserError(
            f"features: {path} is a MATLAB v7.3 (HDF5) file, not read here; re-save it with save(..., '-v7') or as .npz"
        )
    content = scipy.io.loadmat(path)
    return dict(item for name, value in content.items() if not name.startswith("__") for item in _flat(name, value))


def _flat(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of one MATLAB variable; a 1x1 struct gives its fields, a cell array of strings an array of strings."""
    if scipy.sparse.issparse(value):
        yield name, value.toarray()
    elif value.dtype.names:
        if value.size == 1:
            for field in value.dtype.names:
                yield from _flat(f"{name}.{field}", value.reshape(-1)[0][field])
    elif value.dtype.kind == "O":
        cells = [np.asarray(cell) for cell in value.reshape(-1)]
        if cells and all(cell.dtype.kind == "U" and cell.size <= 1 for cell in cells):
            yield name, np.array(["".join(cell.reshape(-1)) for cell in cells])
    else:
        yield name, value
