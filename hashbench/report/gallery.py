"""What a gallery shows: queries at random, those of worst and best average precision, and what their codes retrieve.

Pure arrays in, plain values out; `gallery_page` makes HTML of them. Where the list of a query ends inside a group of
items at one distance, which of them are listed is drawn from the seed and the query's row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hashbench.errors import UserError
from hashbench.evaluation.search import HammingSearch
from hashbench.results.codes import RunCodes
from hashbench.results.folder import RunFolder


class Item(NamedTuple):
    """One retrieved row: its number in the data set, and whether it shares a label with the query."""

    row: int
    relevant: bool


class Group(NamedTuple):
    """Items at one distance, in database order; `tied` of the whole database lie there, at least as many as listed."""

    distance: int
    rank: int
    tied: int
    items: list[Item]


class Shown(NamedTuple):
    """One query: its row, its average precision (expected, worst and best order of ties), what it retrieves."""

    row: int
    ap: float
    ap_worst: float
    ap_best: float
    groups: list[Group]


class Section(NamedTuple):
    """Queries chosen by one rule; `name` is a word for links, `title` a line for people."""

    name: str
    title: str
    queries: list[Shown]


def choose(ap: np.ndarray, count: int, seed: int) -> dict[str, np.ndarray]:
    """Places of the queries to show: `random`, `worst` and `best`, each at most `count` of those with a defined AP.

    Queries of equal AP are drawn, so that the first ones of the file are not preferred.

    Args:
        ap: (Q,) average precision; NaN where no item is relevant.

    Raises:
        UserError: no query has a relevant item.
    """
    defined = np.flatnonzero(~np.isnan(ap))
    if not len(defined):
        raise UserError("no query of this run has a relevant item: there is nothing to mark right")
    drawn = np.random.default_rng([seed, 0]).permutation(defined)
    by_ap = drawn[np.argsort(ap[drawn], kind="stable")]
    return {"random": drawn[:count], "worst": by_ap[:count], "best": by_ap[::-1][:count]}


def sections(
    run: RunFolder,
    relevant: Callable[[int, np.ndarray], np.ndarray],
    *,
    queries: int = 12,
    top: int = 10,
    seed: int = 0,
) -> list[Section]:
    """The three sections of a run's gallery.

    Args:
        run: a finished one.
        relevant: (query row, (n,) rows) -> (n,) bool.
        queries: to show in each section.
        top: items to list for each query.

    Raises:
        UserError: fewer than one query, more items than the database has, values per query that do not fit.
    """
    codes, per_query = run.codes, run.per_query
    size = len(codes.database_codes)
    if queries < 1:
        raise UserError(f"--queries {queries}: show at least 1")
    if not 1 <= top <= size:
        raise UserError(f"--top {top}: the database has {size} items, so give 1 to {size}")
    values = [per_query.get(name, np.zeros(0)) for name in ("ap", "ap_worst", "ap_best")]
    if any(len(value) != len(codes.query_codes) for value in values):
        raise UserError(f"{run.path}: {run.per_query_path.name} does not fit {run.codes_path.name}: run it again")
    search = HammingSearch(codes.database_codes, codes.bits)
    titles = {
        "random": "Queries drawn at random",
        "worst": "Queries with the lowest average precision",
        "best": "Queries with the highest average precision",
    }
    return [
        Section(name, titles[name], [_shown(place, codes, values, search, relevant, top, seed) for place in places])
        for name, places in choose(values[0], queries, seed).items()
    ]


def _shown(
    place: int,
    codes: RunCodes,
    values: Sequence[np.ndarray],
    search: HammingSearch,
    relevant: Callable[[int, np.ndarray], np.ndarray],
    top: int,
    seed: int,
) -> Shown:
    row = int(codes.query_index[place])
    found = search.nearest(codes.query_codes[place], top, np.random.default_rng([seed, 1, row]))
    rows = codes.database_index[found.items]
    right = relevant(row, rows)
    groups = []
    for distance in np.unique(found.distances):
        inside = np.flatnonzero(found.distances == distance)
        items = [Item(int(rows[i]), bool(right[i])) for i in inside]
        groups.append(Group(int(distance), int(found.ranks[inside[0]]), int(found.tied[inside[0]]), items))
    expected, worst, best = (float(value[place]) for value in values)
    return Shown(row, expected, worst, best, groups)
