"""Rows with the same content, whatever their labels."""

from __future__ import annotations

import hashlib

import numpy as np

from hashbench.data.table import DataTable


def content_ids(table: DataTable) -> np.ndarray:
    """(N,) int64: two rows have the same id if and only if their inputs are equal byte by byte (blake2b, 128 bits)."""
    rows = table.inputs.flatten(1).contiguous().numpy()
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(hashlib.blake2b(row.data, digest_size=16).digest(), len(seen)) for row in rows])


def count_repeats(ids: np.ndarray) -> int:
    """How many rows repeat the content of an earlier one."""
    return len(ids) - len(np.unique(ids))
