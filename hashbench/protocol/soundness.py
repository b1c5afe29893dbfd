"""What the labels alone say of a protocol before anything is trained: where no number can mean anything.

A query of which nothing in the database is relevant has no average precision and is left out of every mean. A query to
which everything is relevant has 1, whatever the codes are. Both follow from labels and roles; `hashbench check-data`
says them and a run warns of them, or refuses where no query is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashbench.data.duplicates import content_ids
from hashbench.data.table import DataTable, LabelledRows
from hashbench.protocol.split import ROLES, Split

SEARCHES = (("validation", "validation_database"), ("test", "database"))
"""Queries, and what they are searched in."""
_NEARLY_ALL = 0.95
"""Share of relevant items from which on random codes have a mean average precision of about 1."""
_BLOCK = 256
_LARGEST = 1 << 32
"""Bytes of inputs that a run compares row by row: 60,000 CIFAR-10 images take 0.03 s."""


@dataclass(frozen=True)
class Soundness:
    """What was found, one sentence each.

    Attributes:
        problems: that leave nothing to measure: a run refuses them.
        warnings: that a run does with, and says.
        chance: what random codes have for a mean average precision over the test queries.
    """

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    chance: float


def soundness(rows: LabelledRows, split: Split) -> Soundness:
    """Look at the labels of every role.

    Args:
        rows: the data, or what their lists say.
        split: the roles.
    """
    labels = rows.labels.numpy()
    problems, warnings = [], _one_class(labels, split)
    chance = float("nan")
    for queries, database in SEARCHES:
        relevant = relevant_counts(labels[split.arrays[queries]], labels[split.arrays[database]])
        size = len(split.arrays[database])
        without = int((relevant == 0).sum())
        if without == len(relevant):
            problems.append(f"nothing in {database} is relevant to any of the {without:,} {queries} queries")
            continue
        if without:
            warnings.append(
                f"{without:,} of {len(relevant):,} {queries} queries have nothing relevant in {database} and are left "
                "out of every mean"
            )
        counted = relevant[relevant > 0]
        chance = chance_of(counted, size)
        if (counted == size).all():
            warnings.append(
                f"everything in {database} is relevant to every one of the {queries} queries: mAP is 1 for any codes"
            )
        elif chance > _NEARLY_ALL:
            warnings.append(f"random codes already have a mAP of {chance:.3f} on the {queries} queries")
    return Soundness(tuple(problems), tuple(warnings), chance)


def one_class_in_all(rows: LabelledRows) -> list[str]:
    """Of a data set without roles: a warning where all its rows are of one class, else nothing."""
    return ["all rows are of one class: nothing can be told apart"] if len(_classes(rows.labels.numpy())) == 1 else []


def repeated_rows(table: DataTable, split: Split) -> list[str]:
    """Warnings of queries whose content is trained on or searched in too, under other row numbers.

    Nothing is said of a table of more than 4 GiB, whose inputs may be mapped from a file: that is left to check-data.
    """
    if table.inputs.numel() * table.inputs.element_size() > _LARGEST:
        return []
    ids, found = content_ids(table), []
    for queries, database in SEARCHES:
        where: dict[int, list[str]] = {}
        for other in ("train", database):
            rows = np.setdiff1d(split.arrays[queries], split.arrays[other])  # those that it may share are no copies
            where.setdefault(int(np.isin(ids[rows], ids[split.arrays[other]]).sum()), []).append(other)
        found += [
            f"the content of {count:,} {queries} queries is in {' and '.join(others)} too, under other row numbers"
            for count, others in where.items()
            if count
        ]
    return found


def relevant_counts(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """How many items of a database are relevant to each query: those of its class, or that share a label with it.

    Args:
        queries: (Q,) class ids or (Q, C) multi-hot.
        database: (N,) or (N, C), of the same form.

    Returns:
        (Q,) int64.
    """
    if queries.ndim == 1:
        length = int(max(queries.max(initial=0), database.max(initial=0))) + 1
        return np.bincount(database, minlength=length)[queries]
    kinds, times = np.unique(database, axis=0, return_counts=True)
    asked, place = np.unique(queries, axis=0, return_inverse=True)
    columns = kinds.astype(np.float32).T
    found = [
        ((asked[start : start + _BLOCK].astype(np.float32) @ columns) > 0) @ times
        for start in range(0, len(asked), _BLOCK)
    ]
    return np.concatenate(found)[place.reshape(-1)]


def chance_of(relevant: np.ndarray, size: int) -> float:
    """Mean over queries of the expected average precision of a random order.

    Of R relevant items among N it is (H + (R - 1) (N - H) / (N - 1)) / N, where H is the N-th harmonic number.

    Args:
        relevant: (Q,) R of each query, 1 or more.
        size: N.
    """
    harmonic = float((1 / np.arange(1, size + 1)).sum())
    return float(np.mean(harmonic + (relevant - 1) * (size - harmonic) / max(1, size - 1)) / size)


def _one_class(labels: np.ndarray, split: Split) -> list[str]:
    single = [role for role in ROLES if len(_classes(labels[split.arrays[role]])) == 1]
    if not single:
        return []
    if len(single) == len(ROLES) and len(_classes(labels[np.concatenate(list(split.arrays.values()))])) == 1:
        return ["all roles hold rows of one class only: nothing can be told apart"]
    return [f"{' and '.join(single)} hold{'s' if len(single) == 1 else ''} rows of one class only"]


def _classes(labels: np.ndarray) -> np.ndarray:
    """The classes that occur."""
    return np.unique(labels) if labels.ndim == 1 else np.flatnonzero(labels.any(axis=0))
