"""Reading .npz, .mat and HDF5 files into one flat mapping: name -> array, fields of structs under dotted names."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.errors import UserError
from hashbench.npz import read_npz, regular_file

_HDF5 = b"\x89HDF"
_HDF5_SUFFIXES = (".h5", ".hdf5")
SUFFIXES = (".npz", ".mat", *_HDF5_SUFFIXES)
_LONGEST_NAME = 40


def read_arrays(path: Path, *, label: str = "features", option: str = "--data-root FILE") -> dict[str, np.ndarray]:
    """All arrays of a file: numeric, boolean or strings, dense.

    Args:
        path: .npz; .mat of any version; .h5 or .hdf5. HDF5, which MATLAB's v7.3 is too, needs h5py.
        label: who asks, the start of messages.
        option: how a file is named, for messages.

    Raises:
        UserError: no such file, another suffix, a file that cannot be read, an array of Python objects, HDF5 without
            h5py.
    """
    where, advice = f"{label}: {path}", "the file may be damaged, save it again"
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{where} is not a .npz, .mat or .h5 file; give such a file with {option}")
    try:
        regular_file(path)
        if path.suffix.lower() == ".npz":
            return read_npz(path, label=where, advice="save it again")
        with path.open("rb") as file:
            head = file.read(516)
    except FileNotFoundError as error:
        raise UserError(f"{label}: there is no file {path}; give a .npz, .mat or .h5 file with {option}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{where} cannot be read ({reason}); give a .npz, .mat or .h5 file with {option}") from error
    if head.startswith(b"MATLAB 7.3") or _HDF5 in (head[:4], head[512:516]) or path.suffix.lower() in _HDF5_SUFFIXES:
        from hashbench.data.hdf5_file import read_hdf5

        return read_hdf5(path, where, of_matlab=path.suffix.lower() == ".mat")
    return _read_mat(path, where, advice)


def describe(arrays: Mapping[str, np.ndarray], room: int = 110) -> str:
    """What is in a file, for messages: as many arrays as `room` characters hold, and how many there are more.

    >>> describe({"X": np.zeros((3, 2))})
    'X (3, 2) float64'
    """
    shown: list[str] = []
    for name, array in arrays.items():
        words = f"{name if len(name) <= _LONGEST_NAME else f'{name[:_LONGEST_NAME]}...'} {array.shape} {array.dtype}"
        if shown and len(", ".join([*shown, words])) > room:
            break
        shown.append(words)
    more = [f"{len(arrays) - len(shown)} more"] if len(arrays) > len(shown) else []
    return ", ".join(shown + more) or "nothing"


def _read_mat(path: Path, where: str, advice: str) -> dict[str, np.ndarray]:
    import scipy.io
    import scipy.io.matlab

    unreadable = (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        AssertionError,
        NotImplementedError,
        RecursionError,
        MemoryError,
        struct.error,
        zlib.error,
        scipy.io.matlab.MatReadError,
    )
    try:
        content = scipy.io.loadmat(path)
        return dict(item for name, value in content.items() if not name.startswith("__") for item in _flat(name, value))
    except unreadable as error:  # damaged bytes make scipy fail in many ways
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{where} cannot be read ({reason}); {advice}") from error


def _flat(name: str, value: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of one MATLAB variable; a 1x1 struct gives its fields, a cell array of strings an array of strings."""
    import scipy.sparse

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
