"""What other code bases count: their mAP on the same codes, each convention named, so that an old number can be
explained.

`python -m hashbench.evaluation.conventions` prints the table of the documentation for one fixed set of codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.hamming import evaluate
from hashbench.evaluation.numbers import whole_number

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
    cut = size if topk is None else min(whole_number(topk, "topk", 1, "items"), size)
    T = size - 1 if convention.drop_last else cut
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
    counted = result.counts.queries if convention.queries == "all" else int(np.count_nonzero(~np.isnan(values)))
    return total / max(counted, 1)


def usual_map(
    query_codes: np.ndarray,
    database_codes: np.ndarray,
    query_labels: np.ndarray,
    database_labels: np.ndarray,
    topk: int,
    sort: Callable[[np.ndarray], np.ndarray] = np.argsort,
) -> float:
    """The loop that most published numbers come from: one sort per query, the order inside ties left to the sort.

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


CONVENTIONS: dict[str, Convention] = {
    "exact expectation, divided by relevant items retrieved": Convention(),
    "exact expectation, divided by min(R, T)": Convention(denominator="capped"),
    "exact expectation, divided by R": Convention(denominator="all"),
    "best order inside ties": Convention(ties="best"),
    "worst order inside ties": Convention(ties="worst"),
    "database order inside ties (stable sort)": Convention(ties="index"),
    "stable sort, divided by min(R, T)": Convention(ties="index", denominator="capped"),
    "stable sort, divided by R": Convention(ties="index", denominator="all"),
    "stable sort, queries without a hit skipped (HashNet)": Convention(ties="index", without_hit="skip"),
    "stable sort, sum over queries with a hit divided by all queries (DeepHash-pytorch)": Convention(
        ties="index", without_hit="skip", queries="all"
    ),
    "stable sort, topk = -1 drops the last place": Convention(ties="index", drop_last=True),
}


def example(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes as a 16-bit network leaves them: 1,000 queries, 10,000 items, 10 classes that each flip bits of their own
    code.

    20 queries belong to an eleventh class that the database lacks.

    Returns:
        query_codes, database_codes: of -1 and +1; query_labels, database_labels: multi-hot; all float32.
    """
    rng = np.random.default_rng(seed)
    centres = rng.choice([-1.0, 1.0], size=(11, 16)).astype(np.float32)
    query_ids, database_ids = rng.integers(0, 10, 1000), np.sort(rng.integers(0, 10, 10_000))
    query_ids[:20] = 10

    def codes(ids: np.ndarray) -> np.ndarray:
        flips = rng.random((len(ids), 16)) < rng.beta(1.0, 2.5, size=(len(ids), 1))
        return np.where(flips, -1, 1).astype(np.float32) * centres[ids]

    one_hot = np.eye(11, dtype=np.float32)
    return codes(query_ids), codes(database_ids), one_hot[query_ids], one_hot[database_ids]


def conformance_table(topk: int = 100) -> str:
    """The example's mAP under every convention, as a Markdown table."""
    data = example()
    lines = [f"| convention | mAP | mAP@{topk} |", "| --- | ---: | ---: |"]
    for name, convention in CONVENTIONS.items():
        cut = "" if convention.drop_last else f"{conventional_map(*data, convention, topk=topk):.4f}"
        lines.append(f"| {name} | {conventional_map(*data, convention):.4f} | {cut} |")
    sorts: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "the usual loop, numpy argsort (default kind)": np.argsort,
        "the usual loop, numpy argsort (stable)": lambda distance: np.argsort(distance, kind="stable"),
    }
    for name, sort in sorts.items():
        lines.append(f"| {name} | {usual_map(*data, len(data[1]), sort):.4f} | {usual_map(*data, topk, sort):.4f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(conformance_table())
