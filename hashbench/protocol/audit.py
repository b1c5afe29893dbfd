"""What a look at a split shows: counts, classes, shared rows, and content that stands there twice."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from hashbench.data.duplicates import count_repeats
from hashbench.data.table import DataTable
from hashbench.protocol.split import DISJOINT, ROLES, Split


class RoleFacts(NamedTuple):
    """One role: its rows, the fewest and the most of them in a class, and rows that repeat another of the same role."""

    role: str
    rows: int
    fewest: int
    most: int
    repeats: int


def role_facts(table: DataTable, split: Split, ids: np.ndarray) -> list[RoleFacts]:
    """Facts of every role in the order of `ROLES`.

    Args:
        table: the data.
        split: the roles.
        ids: (N,) content ids of the table, from `content_ids`.
    """
    labels = table.labels.numpy()
    facts = []
    for role, rows in split.arrays.items():
        own = labels[rows]
        sizes = own.sum(axis=0, dtype=np.int64) if table.multilabel else np.bincount(own, minlength=table.num_classes)
        facts.append(RoleFacts(role, len(rows), int(sizes.min()), int(sizes.max()), count_repeats(ids[rows])))
    return facts


def shared_rows(split: Split) -> list[tuple[str, str, int]]:
    """Pairs of roles that share rows, and how many: in a valid split, only pairs that may."""
    pairs = ((a, b, len(np.intersect1d(split.arrays[a], split.arrays[b]))) for a, b in combinations(ROLES, 2))
    return [pair for pair in pairs if pair[2]]


def shared_content(split: Split, ids: np.ndarray) -> list[tuple[str, str, int]]:
    """Pairs of roles that must be disjoint and yet hold the same content: rows of the first that the second repeats."""
    pairs = ((a, b, int(np.isin(ids[split.arrays[a]], ids[split.arrays[b]]).sum())) for a, b in DISJOINT)
    return [pair for pair in pairs if pair[2]]
