"""Rows with the same content, whatever their labels."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from hashbench.data.table import DataTable

_SAMPLED = 32
"""Values of a row that are looked at first: rows that differ there need no further look."""


@lru_cache(maxsize=1)
def content_ids(table: DataTable) -> np.ndarray:
    """(N,) int64: two rows have the same id if and only if their inputs are equal byte by byte (blake2b, 128 bits).

    The ids of the last table are kept: all runs of a sweep ask for the same.
    """
    rows = table.inputs.flatten(1).numpy()
    kinds, ids, times = np.unique(_samples(rows), return_inverse=True, return_counts=True)
    ids, seen = ids.reshape(-1).astype(np.int64), dict[bytes, int]()
    for place in np.flatnonzero(times[ids] > 1):
        content = hashlib.blake2b(np.ascontiguousarray(rows[place]).data, digest_size=16).digest()
        ids[place] = len(kinds) + seen.setdefault(content, len(seen))
    ids.flags.writeable = False
    return ids


def count_repeats(ids: np.ndarray) -> int:
    """How many rows repeat the content of an earlier one."""
    return len(ids) - len(np.unique(ids))


def _samples(rows: np.ndarray) -> np.ndarray:
    """(N,) uint64, a hash of some values spread over each row; equal rows have equal ones."""
    words = rows.view(f"u{rows.itemsize}")
    keys = np.zeros(len(rows), dtype=np.uint64)
    for column in np.unique(np.linspace(0, rows.shape[1] - 1, _SAMPLED).round().astype(int)):
        keys = (keys ^ words[:, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys
