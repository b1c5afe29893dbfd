"""What other code bases count: their mAP on the same codes, each convention named, so that an old number can be explained.

`python -m hashbench.evaluation.conventions` prints the table of the documentation for one fixed set of codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashbench.evaluation.codes import binarize, packed_codes, unpack_codes
from hashbench.evaluation.counter import HammingCounter
from hashbench.evaluation.database_order import DatabaseOrderRanking
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.evaluate import evaluate

WITHOUT_HIT = ("zero", "skip")
QUERIES = ("valid", "all")


@dataclass(frozen=True)
class Convention:
    """One way to turn a ranking into a mAP.

    Attributes:
        ties: 'expected', 'best', 'worst' or 'index'.
        denominator: 'retrieved', 'capped' or 'all'.
        without_hit: what becomes of a query that retrieves nothing relevant: counted as 'zero', or 'skip' it.
        queries: divide by the 'valid' queries, which have a relevant item somewhere, or by 'all'.
        drop_last: the `topk=-1` of code that slices with it: the last place of the ranking is lost.
    """

    ties: str = "expected"
    denominator: str = "retrieved"
    without_hit: str = "zero"
    queries: str = "valid"
    drop_last: bool = False

    def __post_init__(self) -> None:
        if self.without_hit not in WITHOUT_HIT:
            raise EvaluationInputError(f"without_hit is {self.without_hit!r}: choose one of {', '.join(WITHOUT_HIT)}")
        if self.queries not in QUERIES:
            raise EvaluationInputError(f"queries is {self.queries!r}: choose one of {', '.join(QUERIES)}")


def conventional_map(
    query_codes: Any,
    database_codes: Any,
    query_labels: Any,
    database_labels: Any,
    convention: Convention,
    *,
    topk: int | None = None,
    bits: int | None = None,
) -> float:
    """mAP as someone else counts it.

    Args:
        query_codes, database_codes, query_labels, database_labels, bits: as for `evaluate`.
        convention: whose.
        topk: T; the whole database by default.
    """
    size = len(database_codes)
    T = size - 1 if convention.drop_last else min(topk or size, size)
    result = evaluate(
        query_codes,
        database_codes,
        query_labels,
        database_labels,
        bits=bits,
        topk=T,
        ties=convention.ties,
        denominator=convention.denominator,
    )
    values = result.per_query[f"ap@{T}"]
    if convention.without_hit == "skip":
        values = values[values > 0]
    total = float(np.nansum(values))
    return total / (len(result.counts.n) if convention.queries == "all" else np.count_nonzero(~np.isnan(values)))


def usual_map(
    query_codes: np.ndarray,
    database_codes: np.ndarray,
    query_labels: np.ndarray,
    database_labels: np.ndarray,
    topk: int,
    sort: Callable[[np.ndarray], np.ndarray] = np.argsort,
) -> float:
    """The loop that most published numbers come from: one sort a query, the order inside ties left to the sort.

    Args:
        query_codes, database_codes: `(Q, K)` and `(N, K)` of -1 and +1.
        query_labels, database_labels: `(Q, C)` and `(N, C)` multi-hot.
        topk: T.
        sort: distances `(N,)` -> order `(N,)`.
    """
    total = 0.0
    for code, label in zip(query_codes, query_labels, strict=True):
        relevant = (label @ database_labels.T > 0).astype(np.float32)
        distance = 0.5 * (database_codes.shape[1] - code @ database_codes.T)
        top = relevant[sort(distance)][:topk]
        hits = int(top.sum())
        if hits:
            total += np.mean(np.linspace(1, hits, hits) / (np.flatnonzero(top == 1) + 1.0))
    return total / len(query_codes)
