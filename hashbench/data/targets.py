"""Labels as people store them -> the two forms of a table: class ids 0 .. C-1, or a 0/1 multi-hot matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hashbench.errors import UserError, shown


class Targets(NamedTuple):
    """`labels` (N,) int64 or (N, C) uint8; `class_names` as in the file, empty for multi-hot."""

    labels: np.ndarray
    num_classes: int
    class_names: tuple[str, ...]


def is_vector(array: np.ndarray) -> bool:
    """One value per row: (N,), (N, 1) or (1, N)."""
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def encode(array: np.ndarray, where: str) -> Targets:
    """Make targets of labels with one row per sample.

    A vector holds class ids of any kind (1..10, arbitrary integers, strings): distinct values in their order become
    0 .. C-1. A matrix of 0/1, or -1/+1, is multi-hot; where every row holds exactly one, it becomes class ids.

    Args:
        array: (N,), (N, 1) or (1, N) ids, or (N, C).
        where: file and array, for error messages.

    Raises:
        UserError: numbers that are not whole, a matrix of other values, a type that is neither number nor string.
    """
    if array.dtype.kind not in "biufUS":
        raise UserError(f"{where}: labels of type {array.dtype}; give numbers or strings")
    if array.ndim and not array.size:
        raise UserError(f"{where}: labels of shape {array.shape} hold nothing; give one label for each row")
    if is_vector(array):
        return _encode_ids(array.reshape(-1), where)
    if array.ndim != 2:
        raise UserError(
            f"{where}: labels of shape {array.shape}; give one id per row or a 0/1 matrix with one row per sample"
        )
    return _encode_matrix(array, where)


def class_ids(array: np.ndarray, where: str) -> np.ndarray:
    """Ids of classes that have their numbers already, which are kept: (N,) int64.

    Args:
        array: (N,), (N, 1) or (1, N), whole numbers of any type.
        where: file and array, for error messages.

    Raises:
        UserError: words, a matrix, numbers that are not whole or too large.
    """
    if array.dtype.kind not in "biuf" or not is_vector(array):
        raise UserError(f"{where}: labels are {array.dtype} {array.shape}; give one class id for each row, as numbers")
    ids = _whole(array.reshape(-1), where)
    if ids.size and not -(2**63) <= int(ids.max()) < 2**63:
        raise UserError(f"{where}: there is no class {ids.max()}; correct the class ids")
    return ids.astype(np.int64)


def _whole(values: np.ndarray, where: str) -> np.ndarray:
    """Numbers of any type as integers."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind != "f":
        return values
    bad = np.flatnonzero(~np.isfinite(values) | (values != np.rint(values)))
    if len(bad):
        raise UserError(
            f"{where}: class ids are whole numbers, found {values[bad[0]]} in row {bad[0]} ({len(bad)} such rows); "
            "give class labels, not real-valued targets"
        )
    # Beyond this, neighbouring whole numbers are one and the same float: classes would have been merged.
    exact = 2.0 ** min(np.finfo(values.dtype).nmant + 1, 53)
    bad = np.flatnonzero(abs(values) >= exact)
    if len(bad):
        raise UserError(
            f"{where}: {values.dtype} does not tell ids such as {values[bad[0]]:.17g} (row {bad[0]}) from its "
            "neighbours; save the ids as integers or strings"
        )
    return values.astype(np.int64)


def _words(values: np.ndarray, where: str) -> np.ndarray:
    """Strings of any kind as text, without the blanks that matrices of characters are filled up with."""
    text = _decoded(values) if values.dtype.kind == "S" else values
    names = np.unique(text)
    bare, times = np.unique(np.char.strip(names), return_counts=True)
    if len(bare) < len(names):
        raise UserError(
            f"{where}: labels differ in blanks at their ends alone, as {shown(str(bare[times > 1][0]))} does: make "
            "them equal, or name them otherwise"
        )
    return np.char.strip(text)


def _encode_ids(values: np.ndarray, where: str) -> Targets:
    values = _words(values, where) if values.dtype.kind in "US" else _whole(values, where)
    names, ids = np.unique(values, return_inverse=True)
    return Targets(ids.reshape(-1).astype(np.int64), len(names), tuple(str(name) for name in names))


def _decoded(values: np.ndarray) -> np.ndarray:
    """Strings of bytes as text: UTF-8, or Latin-1, in which all bytes are letters, where one of them is no UTF-8."""
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError:
        return np.char.decode(values, "latin-1")


def _encode_matrix(matrix: np.ndarray, where: str) -> Targets:
    values = np.unique(matrix) if matrix.dtype.kind in "biuf" else np.array([np.nan])
    if not set(values.tolist()) <= {0, 1} and not set(values.tolist()) <= {-1, 1}:
        raise UserError(
            f"{where}: a label matrix {matrix.shape} is multi-hot, 0 and 1 (or -1 and 1), found {values[:6].tolist()}"
        )
    hot = (matrix > 0).astype(np.uint8)
    if (hot.sum(axis=1) == 1).all():
        return Targets(hot.argmax(axis=1).astype(np.int64), hot.shape[1], tuple(str(c) for c in range(hot.shape[1])))
    return Targets(hot, hot.shape[1], ())
