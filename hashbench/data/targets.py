"""Labels as people store them -> the two forms of a table: class ids 0 .. C-1, or a 0/1 multi-hot matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hashbench.errors import UserError


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
    if is_vector(array):
        return _encode_ids(array.reshape(-1), where)
    if array.ndim != 2:
        raise UserError(
            f"{where}: labels of shape {array.shape}; give one id per row or a 0/1 matrix with one row per sample"
        )
    return _encode_matrix(array, where)


def _encode_ids(values: np.ndarray, where: str) -> Targets:
    if values.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(values) | (values != np.rint(values)))
        if len(bad):
            raise UserError(
                f"{where}: class ids are whole numbers, found {values[bad[0]]} in row {bad[0]} ({len(bad)} such rows); "
                "give class labels, not real-valued targets"
            )
        values = values.astype(np.int64)
    if values.dtype.kind == "S":
        values = _decoded(values)
    if values.dtype.kind == "U":
        values = np.char.strip(values)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
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
