"""Turning matrices that lie on their side to one row per sample: labels and shapes decide, for all parts of a file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from hashbench.data.targets import is_vector

Pair = tuple[np.ndarray, np.ndarray]
"""Features (N, d) and labels (N,) or (N, C) of the same rows."""


class OrientationError(ValueError):
    """Matrices that fit in no way, or in several; the message says which and what to give."""


class _Way(NamedTuple):
    """One way to read a pair, and what was turned for it; a vector of labels has no side."""

    x: np.ndarray
    y: np.ndarray
    x_is_turned: bool
    y_is_turned: bool

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.x.shape[1], *self.y.shape[1:])


def upright(names: Sequence[tuple[str, str]], parts: Sequence[Pair], rows: int | None = None) -> list[Pair]:
    """The pairs with one row per sample, and as many columns of features and of labels in each.

    Where both ways fit, rows are samples if that leaves at least as many samples as classes; one-hot labels say it too,
    since every sample has one 1. The parts of a file lie alike. A square matrix on its own is taken as it is; what else
    is left open must be given.

    Args:
        names: what messages call the features and the labels of each part.
        parts: the pairs as stored.
        rows: number of samples, of all parts together.

    Raises:
        OrientationError: labels and rows differ, or more than one way is left.
    """
    ways = [_ways(*pair) for pair in parts]
    if rows is not None and len(parts) == 1:
        ways = [[way for way in ways[0] if len(way.x) == rows]]
    for (x_name, y_name), (x, y), fits in zip(names, parts, ways, strict=True):
        if not fits:
            asked = f" of {rows} rows" if rows is not None else ""
            raise OrientationError(
                f"{x_name} {x.shape} and {y_name} {y.shape} do not fit: labels and rows differ{asked}; correct the "
                "file or name others with features=NAME labels=NAME"
            )
    if rows is None:
        ways = [_likely(fits) for fits in ways]
    found = [way for way in product(*ways) if len({part.widths for part in way}) == 1]
    if rows is not None:
        found = [way for way in found if sum(len(part.x) for part in way) == rows]
    both = ", ".join(f"{x} and {y}" for x, y in names)
    if not found and rows is not None:
        raise OrientationError(f"{both} do not have {rows} rows in any way; leave rows out")
    if not found:
        raise OrientationError("the parts differ in their number of features or of label columns")
    found = [way for way in found if len({part[2:] for part in way}) == 1] or found
    by_counts = {tuple(len(part.x) for part in way): way for way in reversed(found)}  # of square ones, as stored
    if len(by_counts) > 1:
        choices = " or ".join(f"rows={sum(counts)}" for counts in sorted(by_counts))
        raise OrientationError(f"{both} fit in two ways; give {choices}")
    return [(part.x, part.y) for part in next(iter(by_counts.values()))]


def _ways(x: np.ndarray, y: np.ndarray) -> list[_Way]:
    """Every way in which both have as many rows, those as stored first."""
    x_sides = [(x, False), (x.T, True)]
    y_sides = [(y.reshape(-1), False)] if is_vector(y) else [(y, False), (y.T, True)]
    sides = [_Way(a, b, a_turned, b_turned) for (a, a_turned), (b, b_turned) in product(x_sides, y_sides)]
    return [way for way in sides if len(way.x) == len(way.y)]


def _likely(ways: list[_Way]) -> list[_Way]:
    """The ways left where two matrices of one shape fit as they are and both turned; others as they come."""
    if len(ways) != 2 or ways[0].x.shape != ways[0].y.shape:
        return ways
    stored, turned = ways
    is_tall, hot = len(stored.x) > len(turned.x), [_one_hot(way.y) for way in ways]
    if is_tall and hot != [False, True]:
        return [stored]
    if not is_tall and hot == [False, True]:
        return [turned]
    return ways


def _one_hot(labels: np.ndarray) -> bool:
    """Whether every row holds exactly one positive number."""
    return bool((np.count_nonzero(labels > 0, axis=1) == 1).all()) if labels.dtype.kind in "biuf" else False
