"""Ranking by Hamming distance: codes and labels in, every metric out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hashbench.evaluation.counter import HammingCounter
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.curves import Distances, all_curves, distances
from hashbench.evaluation.database_order import DatabaseOrderRanking
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.measure import Options, kept, means, values_of
from hashbench.evaluation.notebook import metrics_html

QUERIES_FIND_THEMSELVES = (
    "queries and database are the same items, so each query finds itself first, which raises every number; "
    "leave_one_out=True leaves it out"
)


@dataclass(frozen=True)
class Evaluation:
    """Everything that follows from one count.

    Attributes:
        metrics: flat name -> mean over the queries that have a relevant item; every metric of the counts in
            `hashbench.evaluation.metrics`, in its order. Ours are all in [0, 1].
        per_query: the same names per query, `(Q,)` float64, `map` called `ap`; NaN for queries without a relevant item.
            What is no mean over queries is not there.
        counts: the two histograms.
        info: what was assumed and how large everything was; `leave_one_out` and `queries_are_database` where true.
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

    def _repr_html_(self) -> str:
        info = self.info
        facts = (
            f"{info['bits']}-bit codes, {info['queries']} queries, {info['database_size']} database items; ties "
            f"{info['ties']}, mAP@T divided by {info['denominator']}"
        )
        without = info["queries_without_relevant"]
        left_out = [f"{without} queries without a relevant item are left out"] if without else []
        left_out += ["each query was left out of the database"] if info.get("leave_one_out") else []
        left_out += [QUERIES_FIND_THEMSELVES] if info.get("queries_are_database") else []
        return metrics_html("Evaluation", self.metrics, [facts, *left_out])


def evaluate(
    query_codes: Any,
    database_codes: Any,
    query_labels: Any,
    database_labels: Any,
    *,
    bits: int | None = None,
    topk: int | Iterable[int] = (),
    radii: int | Iterable[int] = (0, 1, 2),
    ties: str = "expected",
    denominator: str = "retrieved",
    curves: bool = False,
    leave_one_out: bool = False,
    device: Any = "cpu",
) -> Evaluation:
    """Rank a database by Hamming distance for every query, and measure the ranking exactly, ties included.

    Args:
        query_codes: `(Q, K)` of two levels (bool, 0/1, -1/+1), or packed `(Q, ceil(K / 8))` uint8 with `bits`. Array
            or tensor.
        database_codes: `(N, K)` or packed, likewise. A memory-mapped array is read in chunks.
        query_labels: `(Q,)` class ids (whole numbers, or words), or `(Q, C)` multi-hot, 0/1 or -1/+1.
        database_labels: `(N,)` or `(N, C)`, in the same form.
        bits: K, if the codes are packed.
        topk: cut-offs T in items for the families over cut-offs: map@T, precision@T, recall@T, ndcg@T.
        radii: radii r in bits for the families over balls: precision@r, recall@r, f1@r, and the share of empty ones,
            empty@r.
        ties: how items at one distance are ordered: 'expected' (the mean over all orders), 'best', 'worst' (the
            extremes), or 'index' (database order, as a stable argsort gives).
        denominator: what map@T is divided by: 'retrieved' (relevant items among the first T), 'capped' (min(R, T)) or
            'all' (R).
        curves: also compute the curves.
        leave_one_out: the queries are the database, in the same order, and each is searched in all others. Without it,
            a query finds itself first; where that is so, `info["queries_are_database"]` says it, and a warning.
        device: see `HammingCounter`.

    Returns:
        An `Evaluation`. `map` and every metric at T follow `ties` and come with `_worst` and `_best`.

    Raises:
        EvaluationInputError: the input cannot be evaluated; one line that says why and what to do.
        MetricError: a metric that was added to the table fails.

    Example:
        >>> import numpy as np
        >>> codes, labels = np.array([[0, 0], [0, 1], [1, 1]]), np.array([0, 1, 0])
        >>> round(evaluate(codes[:1], codes, labels[:1], labels).metrics["map"], 4)
        0.8333
    """
    options = Options.checked(topk, radii, ties, denominator)
    counter = HammingCounter(query_codes, query_labels, bits=bits, device=device)
    counter.update(database_codes, database_labels)
    counts = counter.leave_one_out() if leave_one_out else counter.counts
    _check_not_empty(counts)
    index = None
    if ties == "index":
        index = DatabaseOrderRanking(
            query_codes,
            database_codes,
            query_labels,
            database_labels,
            counts=counts,
            topk=options.topk,
            denominator=options.denominator,
            bits=bits,
            leave_one_out=leave_one_out,
        )
    notes = {"leave_one_out": leave_one_out, "queries_are_database": not leave_one_out and counter.is_own_database}
    if notes["queries_are_database"]:
        warnings.warn(QUERIES_FIND_THEMSELVES, stacklevel=2)
    result = _evaluation(counts, options, index, curves)
    result.info.update({name: True for name, holds in notes.items() if holds})
    return result


def evaluate_counts(
    counts: Counts,
    *,
    topk: int | Iterable[int] = (),
    radii: int | Iterable[int] = (0, 1, 2),
    ties: str = "expected",
    denominator: str = "retrieved",
    curves: bool = False,
) -> Evaluation:
    """`evaluate` from counts that were made before, by a `HammingCounter` over shards or by another process.

    Args: as for `evaluate`, but counts do not hold the database order that `ties='index'` needs.
    """
    options = Options.checked(topk, radii, ties, denominator)
    if ties == "index":
        raise EvaluationInputError("ties='index' needs the database order, which counts do not hold: call evaluate()")
    _check_not_empty(counts)
    return _evaluation(counts, options, None, curves)


def _check_not_empty(counts: Counts) -> None:
    if counts.database_size == 0:
        raise EvaluationInputError("the database is empty: give at least one database code")
    if not counts.p.any():
        raise EvaluationInputError("no query has a relevant item in the database: check that both use the same labels")


def _evaluation(counts: Counts, options: Options, index: DatabaseOrderRanking | None, curves: bool) -> Evaluation:
    values = values_of(counts, options, index)
    info = {
        "ties": options.ties,
        "denominator": options.denominator,
        "bits": counts.bits,
        "queries": counts.queries,
        "queries_without_relevant": int(np.count_nonzero(counts.relevant == 0)),
        "database_size": counts.database_size,
    }
    length = max(options.topk, default=min(counts.database_size, 1000))
    return Evaluation(means(values), kept(values), counts, info, all_curves(counts, length) if curves else {})
