"""Seeded draws that keep the share of every class. The stream is numpy's RandomState, which is frozen for good."""

from __future__ import annotations

import numpy as np


def class_quota(sizes: np.ndarray, total: int) -> np.ndarray:
    """How many to draw from each class so that the sum is `total`: largest remainders, ties to the lower class id.

    Args:
        sizes: (C,) rows per class.
        total: rows to draw, at most `sizes.sum()`.

    Returns:
        (C,) int64, each within one of `total * sizes / sizes.sum()`.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    quota, remainder = np.divmod(total * sizes, sizes.sum())
    largest = np.argsort(-remainder, kind="stable")[: total - quota.sum()]
    quota[largest] += 1
    return quota


def draw_rows(
    rows: np.ndarray, labels: np.ndarray, total: int, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Take `total` of the rows: stratified by class id, or plainly where labels are multi-hot.

    Args:
        rows: (n,) row numbers.
        labels: (N,) class ids or (N, C) multi-hot of the whole table.
        total: rows to take, 0 .. n.
        random: moved on by one permutation per class in the order of the ids (multi-hot: by one).

    Returns:
        The rows taken and the rows left, both sorted.
    """
    if labels.ndim == 2:
        groups, quota = [np.sort(rows)], np.array([total])
    else:
        ids, sizes = np.unique(labels[rows], return_counts=True)
        groups, quota = [np.sort(rows[labels[rows] == class_id]) for class_id in ids], class_quota(sizes, total)
    taken = [random.permutation(group)[:count] for group, count in zip(groups, quota, strict=True)]
    chosen = np.sort(np.concatenate(taken))
    return chosen, np.setdiff1d(rows, chosen)
