"""What a look at a split shows: counts, classes, shared rows, and content that occurs twice."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from hashbench.data.duplicates import count_repeats
from hashbench.data.table import LabelledRows
from hashbench.protocol.split import DISJOINT, ROLES, Split


class RoleFacts(NamedTuple):
    """One role: its rows, the classes among them, the fewest and the most of a class that occurs, rows without a label,
    and rows that repeat the content of another of the same role (None where no content was looked at)."""

    role: str
    rows: int
    classes: int
    fewest: int
    most: int
    unlabelled: int
    repeats: int | None


def role_facts(table: LabelledRows, split: Split, ids: np.ndarray | None) -> list[RoleFacts]:
    """Facts of every role in the order of `ROLES`.

    Args:
        table: the data, or what their lists say.
        split: the roles.
        ids: (N,) content ids of the table, from `content_ids`; None where there is no content.
    """
    labels = table.labels.numpy()
    facts = []
    for role, rows in split.arrays.items():
        own = labels[rows]
        sizes = own.sum(axis=0, dtype=np.int64) if table.multilabel else np.bincount(own, minlength=table.num_classes)
        present = sizes[sizes > 0]
        fewest, most = (int(present.min()), int(present.max())) if len(present) else (0, 0)
        unlabelled = int((own.sum(axis=1) == 0).sum()) if table.multilabel else 0
        repeats = None if ids is None else count_repeats(ids[rows])
        facts.append(RoleFacts(role, len(rows), len(present), fewest, most, unlabelled, repeats))
    return facts


def shared_rows(split: Split) -> list[tuple[str, str, int]]:
    """Pairs of roles that share rows, and how many: in a valid split, pairs that may, or that it allows."""
    pairs = ((a, b, len(np.intersect1d(split.arrays[a], split.arrays[b]))) for a, b in combinations(ROLES, 2))
    return [pair for pair in pairs if pair[2]]


def shared_content(split: Split, ids: np.ndarray) -> list[tuple[str, str, int]]:
    """Pairs of roles that must be disjoint and yet hold the same content under other row numbers: rows of the first
    that the second repeats."""
    found = []
    for a, b in DISJOINT:
        rows = np.setdiff1d(split.arrays[a], split.arrays[b])
        count = int(np.isin(ids[rows], ids[split.arrays[b]]).sum())
        if count:
            found.append((a, b, count))
    return found
