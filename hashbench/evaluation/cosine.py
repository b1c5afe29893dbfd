"""Ranking by the cosine of real vectors, measured by the closed forms that measure Hamming ranking.

The dense rank of a cosine among those of its query takes the place of the Hamming distance: 0 for the most similar
items, and items with equal cosines share a rank. Unlike Hamming distances, cosines must be sorted; queries are taken in
chunks, so Q x N is never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.labels import parse_labels
from hashbench.evaluation.measure import Options, kept, means, values_of
from hashbench.evaluation.metrics import Member, members
from hashbench.evaluation.numbers import as_numpy

_CELLS = 1 << 19
"""Query-item pairs ranked at a time: about 100 MB of histograms and sums."""
_ROUNDING = 1e-12
"""Cosines that follow each other at less than this are equal but for rounding: they tie."""

_Chunk = tuple[dict[str, NDArray[np.float64]], int]
"""What is measured on some queries: the values per query by the metric's name, which can be sent to other processes;
and how many queries have no relevant item. One number of some of the queries is none of all, and left out."""


@dataclass(frozen=True)
class CosineEvaluation:
    """What follows from a ranking by cosine; the names are those of `Evaluation`, which explains them.

    Attributes:
        metrics: flat name -> mean over the queries that have a relevant item. There are no bits, so nothing about
            Hamming balls; and nothing that is no mean over queries, since queries are counted in chunks.
        per_query: the same names per query, `(Q,)` float64; NaN for queries without a relevant item.
        info: what was assumed and how large everything was.
    """

    metrics: dict[str, float]
    per_query: dict[str, NDArray[np.float64]]
    info: dict[str, Any]


def evaluate_cosine(
    query: Any,
    database: Any,
    query_labels: Any,
    database_labels: Any,
    *,
    topk: int | Iterable[int] = (),
    denominator: str = "retrieved",
    mapper: Callable[[Callable[[slice], _Chunk], list[slice]], Iterable[_Chunk]] = map,
) -> CosineEvaluation:
    """Rank a database by cosine similarity for every query, and measure the ranking, ties included.

    Args:
        query: `(Q, d)` real vectors, array or tensor. A zero vector has cosine 0 with everything.
        database: `(N, d)`.
        query_labels: `(Q,)` integer class ids, or `(Q, C)` multi-hot.
        database_labels: `(N,)` or `(N, C)`, in the same form.
        topk, denominator: as for `hashbench.evaluation.evaluate`.
        mapper: goes through the chunks of queries; a function like `map` that may share them among processes.

    Raises:
        EvaluationInputError: the input cannot be evaluated; one line that says why and what to do.
        MetricError: a metric that was added to the table fails.

    Example:
        >>> import numpy as np
        >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
        >>> round(evaluate_cosine(vectors[:1], vectors, [0], [0, 0, 1]).metrics["map"], 4)
        0.8333
    """
    cosines = _Cosines(query, database)
    of_query = parse_labels(query_labels, cosines.queries, "query labels")
    of_items = parse_labels(database_labels, cosines.items, "database labels", of_query)

    options = Options.checked(topk, (), "expected", denominator)

    def measure(chunk: slice) -> _Chunk:
        counts = _counts(cosines.of(chunk), _relevance(of_query.values[chunk], of_items.values))
        found = values_of(counts, options, cosine=True)
        values = {member.name: value for member, value in found.items() if isinstance(value, np.ndarray)}
        return values, int(np.count_nonzero(counts.relevant == 0))

    rows = max(1, _CELLS // cosines.items)
    chunks = [slice(start, start + rows) for start in range(0, cosines.queries, rows)]
    values: dict[Member, NDArray[np.float64]] = {}
    without_relevant = 0
    for chunk, (of_chunk, without) in zip(chunks, mapper(measure, chunks), strict=True):
        without_relevant += without
        for member in members(options.topk, ()):
            if member.name in of_chunk:
                values.setdefault(member, np.full(cosines.queries, np.nan))[chunk] = of_chunk[member.name]
    if without_relevant == cosines.queries:
        raise EvaluationInputError("no query has a relevant item in the database: check that both use the same labels")
    info = {
        "ranking": "cosine",
        "ties": "expected",
        "denominator": denominator,
        "dimensions": cosines.dimensions,
        "queries": cosines.queries,
        "queries_without_relevant": without_relevant,
        "database_size": cosines.items,
    }
    return CosineEvaluation(means(values), kept(values), info)


class _Cosines:
    """Cosines of queries with all items, in double precision."""

    def __init__(self, query: Any, database: Any) -> None:
        vectors, others = _vectors(query, "queries"), _vectors(database, "database items")
        self.queries, self.dimensions = vectors.shape
        self.items = len(others)
        if others.shape[1] != self.dimensions:
            raise EvaluationInputError(
                f"queries have {self.dimensions} dimensions, database items {others.shape[1]}: both come from one model"
            )
        self._vectors, self._others = _unit(vectors), _unit(others)

    def of(self, chunk: slice) -> NDArray[np.float64]:
        """(q, N) cosines of some queries."""
        return self._vectors[chunk] @ self._others.T


def _vectors(rows: Any, name: str) -> NDArray[Any]:
    rows = as_numpy(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf" or 0 in rows.shape:
        raise EvaluationInputError(f"{name} are {rows.dtype} of shape {rows.shape}: give (N, d) numbers, at least one")
    if not np.isfinite(rows).all():
        raise EvaluationInputError(f"{name} hold NaN or infinity: check the features")
    return rows


def _unit(rows: NDArray[Any]) -> NDArray[np.float64]:
    """(N, d) float64 of length 1, or 0."""
    rows = rows.astype(np.float64)
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return np.divide(rows, length, out=rows, where=length > 0)


def _relevance(query: NDArray[Any], items: NDArray[Any]) -> NDArray[np.bool_]:
    """(q, N) whether a query and an item share a label, from the values of `Labels`."""
    if query.ndim == 1:
        return query[:, None] == items
    shared = np.zeros((len(query), len(items)), dtype=bool)
    for word in range(query.shape[1]):
        shared |= (query[:, word, None] & items[:, word]) != 0
    return shared


def _counts(cosines: NDArray[np.float64], relevant: NDArray[np.bool_]) -> Counts:
    """(q, N) cosines and relevances -> histograms over the dense rank, as wide as the most ranks of a query."""
    order = np.argsort(-cosines, axis=1)
    falling = np.take_along_axis(cosines, order, axis=1)
    rank = np.zeros(order.shape, dtype=np.int64)
    np.cumsum(falling[:, :-1] - falling[:, 1:] > _ROUNDING, axis=1, out=rank[:, 1:])
    width = int(rank[:, -1].max()) + 1
    cell = rank + width * np.arange(len(rank))[:, None]
    shape, size = (len(rank), width), len(rank) * width
    found = cell[np.take_along_axis(relevant, order, axis=1)]
    return Counts(*(np.bincount(cells.ravel(), minlength=size).reshape(shape) for cells in (cell, found)))
