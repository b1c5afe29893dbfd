"""`evaluate`: codes and labels in, every metric out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hashbench.evaluation.counter import HammingCounter
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.curves import Distances, all_curves, distances
from hashbench.evaluation.database_order import DatabaseOrderRanking
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.radius import empty_by_radius, harmonic_mean, precision_by_radius, recall_by_radius
from hashbench.evaluation.ranking import DENOMINATORS, ORDERS, Ranking

TIES = (*ORDERS, "index")


@dataclass(frozen=True)
class Evaluation:
    """Everything that follows from one count.

    Attributes:
        metrics: flat name -> mean over the queries that have a relevant item; all in [0, 1].
        per_query: the same names per query, `(Q,)` float64, `map` called `ap`; NaN for queries without a relevant item.
        counts: the two histograms.
        info: what was assumed and how large everything was.
        curves: name -> array, see `curves.all_curves`; empty unless asked for.
    """

    metrics: dict[str, float]
    per_query: dict[str, np.ndarray]
    counts: Counts
    info: dict[str, Any]
    curves: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def distances(self) -> Distances:
        """Hamming distances of similar and dissimilar pairs, their means and the separability."""
        return distances(self.counts)


def evaluate(
    query_codes: Any,
    database_codes: Any,
    query_labels: Any,
    database_labels: Any,
    *,
    bits: int | None = None,
    topk: int | Iterable[int] = (),
    radii: Iterable[int] = (0, 1, 2),
    ties: str = "expected",
    denominator: str = "retrieved",
    curves: bool = False,
    device: Any = "cpu",
) -> Evaluation:
    """Rank a database by Hamming distance for every query, and measure the ranking exactly, ties included.

    Args:
        query_codes: `(Q, K)` of two levels (bool, 0/1, -1/+1), or packed `(Q, ceil(K / 8))` uint8 with `bits`. Array
            or tensor.
        database_codes: `(N, K)` or packed, likewise. A memory-mapped array is read in chunks.
        query_labels: `(Q,)` integer class ids, or `(Q, C)` multi-hot.
        database_labels: `(N,)` or `(N, C)`, in the same form.
        bits: K, if the codes are packed.
        topk: cut-offs T in items for map@T, precision@T, recall@T and ndcg@T.
        radii: radii r in bits for precision@r, recall@r, f1@r and the share of empty balls, empty@r.
        ties: how items at one distance are ordered: 'expected' (the mean over all orders), 'best', 'worst' (the
            extremes), or 'index' (database order, as a stable argsort gives).
        denominator: what map@T is divided by: 'retrieved' (relevant items among the first T), 'capped' (min(R, T)) or
            'all' (R).
        curves: also compute the curves.
        device: see `HammingCounter`.

    Returns:
        An `Evaluation`. `map` and every metric at T follow `ties` and come with `_worst` and `_best`.

    Raises:
        EvaluationInputError: the input cannot be evaluated; one line that says why and what to do.

    Example:
        >>> import numpy as np
        >>> codes, labels = np.array([[0, 0], [0, 1], [1, 1]]), np.array([0, 1, 0])
        >>> round(evaluate(codes[:1], codes, labels[:1], labels).metrics["map"], 4)
        0.8333
    """
    options = _Options.checked(topk, radii, ties, denominator, curves)
    counter = HammingCounter(query_codes, query_labels, bits=bits, device=device)
    counter.update(database_codes, database_labels)
    _check_not_empty(counter.counts)
    index = None
    if ties == "index":
        index = DatabaseOrderRanking(
            query_codes,
            database_codes,
            query_labels,
            database_labels,
            counts=counter.counts,
            topk=options.topk,
            bits=bits,
        )
    return _evaluation(counter.counts, options, index)


def evaluate_counts(
    counts: Counts,
    *,
    topk: int | Iterable[int] = (),
    radii: Iterable[int] = (0, 1, 2),
    ties: str = "expected",
    denominator: str = "retrieved",
    curves: bool = False,
) -> Evaluation:
    """`evaluate` from counts that were made before, by a `HammingCounter` over shards or by another process.

    Args: as for `evaluate`, but counts do not hold the database order that `ties='index'` needs.
    """
    options = _Options.checked(topk, radii, ties, denominator, curves)
    if ties == "index":
        raise EvaluationInputError("ties='index' needs the database order, which counts do not hold: call evaluate()")
    _check_not_empty(counts)
    return _evaluation(counts, options, None)


@dataclass(frozen=True)
class _Options:
    topk: tuple[int, ...]
    radii: tuple[int, ...]
    ties: str
    denominator: str
    curves: bool

    @classmethod
    def checked(
        cls, topk: int | Iterable[int], radii: Iterable[int], ties: str, denominator: str, curves: bool
    ) -> _Options:
        if ties not in TIES:
            raise EvaluationInputError(f"ties is {ties!r}: choose one of {', '.join(TIES)}")
        if denominator not in DENOMINATORS:
            raise EvaluationInputError(f"denominator is {denominator!r}: choose one of {', '.join(DENOMINATORS)}")
        cuts = (topk,) if isinstance(topk, int) else tuple(topk)
        radii = tuple(radii)
        if any(T < 1 for T in cuts):
            raise EvaluationInputError(f"topk holds {min(cuts)}: a cut-off counts items, so give 1 or more")
        if any(r < 0 for r in radii):
            raise EvaluationInputError(f"radii hold {min(radii)}: a radius counts bits, so give 0 or more")
        return cls(cuts, radii, ties, denominator, curves)


def _check_not_empty(counts: Counts) -> None:
    if counts.database_size == 0:
        raise EvaluationInputError("the database is empty: give at least one database code")
    if not counts.p.any():
        raise EvaluationInputError("no query has a relevant item in the database: check that both use the same labels")


def _evaluation(counts: Counts, options: _Options, index: DatabaseOrderRanking | None) -> Evaluation:
    ranking = Ranking(counts)
    per_query = {}
    for suffix, order in (("", options.ties), ("_worst", "worst"), ("_best", "best")):
        source = index if index is not None and order == "index" else ranking
        per_query[f"ap{suffix}"] = source.average_precision(order)
        for T in options.topk:
            per_query[f"ap@{T}{suffix}"] = source.average_precision_at(T, order, options.denominator)
            per_query[f"precision@{T}{suffix}"] = source.precision_at(T, order)
            per_query[f"recall@{T}{suffix}"] = source.recall_at(T, order)
            per_query[f"ndcg@{T}{suffix}"] = source.ndcg_at(T, order)
    balls = {
        "precision": precision_by_radius(counts),
        "recall": recall_by_radius(counts),
        "empty": empty_by_radius(counts),
    }
    for r in options.radii:
        for name, values in balls.items():
            per_query[f"{name}@r{r}"] = values[:, min(r, counts.bits)]
    metrics = {metric_name(name): float(np.nanmean(values)) for name, values in per_query.items()}
    for r in options.radii:
        metrics[f"f1@r{r}"] = harmonic_mean(metrics[f"precision@r{r}"], metrics[f"recall@r{r}"])
    metrics["tie_mass"] = tie_mass(counts)
    info = {
        "ties": options.ties,
        "denominator": options.denominator,
        "bits": counts.bits,
        "queries": counts.queries,
        "queries_without_relevant": int(np.count_nonzero(counts.relevant == 0)),
        "database_size": counts.database_size,
    }
    length = max(options.topk, default=min(counts.database_size, 1000))
    return Evaluation(metrics, per_query, counts, info, all_curves(counts, length) if options.curves else {})


def metric_name(name: str) -> str:
    """The mean of a query's `ap` is called `map`."""
    return f"m{name}" if name.startswith("ap") else name


def tie_mass(counts: Counts) -> float:
    """Share of queries whose nearest group, the items at the smallest distance that occurs, has more than one item."""
    nearest = np.argmax(counts.n > 0, axis=1)
    return float(np.mean(counts.n[np.arange(counts.queries), nearest] > 1))
