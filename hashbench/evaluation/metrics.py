"""The one table of metrics. Whatever prints, draws, sorts or ranks a metric reads here what it is.

    from hashbench.evaluation.metrics import metric

    @metric("first_hit", label="rank of the first hit", higher_is_better=False)
    def first_hit(counts: Counts) -> np.ndarray: ...

adds one (`hashbench.registry.METRICS` does the same by its decorator). The entries below stand in the order of
result.json. `Metric` explains what an entry says; `Ranking`, `Ball`, `Counts` and `CodeSet` how the numbers come about.
Importing this module imports neither numpy nor numba, so that `hashbench list` knows the metrics at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.evaluation.metric_names import (
    Member,
    cut_offs,
    family,
    find,
    find_kept,
    headline,
    label,
    members,
    shown,
)
from hashbench.evaluation.metric_table import PLACES, TABLE, USUAL_RADIUS, Metric, metric, register, unregister

if TYPE_CHECKING:
    import numpy as np

    from hashbench.evaluation.code_set import CodeSet
    from hashbench.evaluation.counts import Counts
    from hashbench.evaluation.ranking import Ranking

__all__ = [
    "PLACES",
    "TABLE",
    "USUAL_RADIUS",
    "Member",
    "Metric",
    "cut_offs",
    "family",
    "find",
    "find_kept",
    "headline",
    "label",
    "members",
    "metric",
    "register",
    "shown",
    "unregister",
]

# --- of the ranking


@metric("map", label="mAP", bounds=True, kept_as="ap", shown=("run", "leaderboard", "figures", "gallery"))
def average_precision(ranking: Ranking, order: str) -> np.ndarray:
    """AP over the whole ranking."""
    return ranking.average_precision(order)


@metric("map", over="topk", label="mAP", bounds=True, kept_as="ap", shown=("run", "leaderboard"))
def average_precision_at(ranking: Ranking, T: int, order: str) -> np.ndarray:
    """AP over the first T places, divided as the ranking's `denominator` says."""
    return ranking.average_precision_at(T, order)


@metric("precision", over="topk", bounds=True, shown=("run",))
def precision_at(ranking: Ranking, T: int, order: str) -> np.ndarray:
    """Share of the first min(T, N) items that is relevant."""
    return ranking.precision_at(T, order)


@metric("recall", over="topk", bounds=True, shown=())
def recall_at(ranking: Ranking, T: int, order: str) -> np.ndarray:
    """Share of the relevant items that is among the first T."""
    return ranking.recall_at(T, order)


@metric("ndcg", over="topk", label="nDCG", bounds=True, shown=())
def ndcg_at(ranking: Ranking, T: int, order: str) -> np.ndarray:
    """Gain of the first T places discounted by log2(rank + 1), over that of a perfect ranking."""
    return ranking.ndcg_at(T, order)


# --- inside a Hamming ball


@metric("precision", over="radius", shown=("run", "leaderboard", "gallery"))
def precision_within(counts: Counts, r: int) -> np.ndarray:
    """Relevant / returned; 0 for an empty ball."""
    return counts.within(r).precision()


@metric("recall", over="radius", shown=())
def recall_within(counts: Counts, r: int) -> np.ndarray:
    """Share of the relevant items that is inside."""
    return counts.within(r).recall()


@metric("empty", over="radius", label="empty balls", higher_is_better=False, shown=("gallery",))
def empty_within(counts: Counts, r: int) -> np.ndarray:
    """Whether there is no item inside."""
    return counts.within(r).empty()


@metric("f1", over="radius", label="F1", per_query=False, shown=())
def f1_within(counts: Counts, r: int) -> float:
    """Harmonic mean of the mean precision and the mean recall."""
    return counts.within(r).f1()


# --- of the counts as a whole


@metric(higher_is_better=False, per_query=False, shown=())
def tie_mass(counts: Counts) -> np.ndarray:
    """Whether the nearest group has more than one item; of all queries, those without a relevant item too."""
    return counts.nearest_tied()


# --- of the outputs behind the codes, and of the codes


@metric(
    of="outputs",
    label="quantisation error",
    higher_is_better=False,
    shown=("run", "leaderboard", "figures"),
    log=True,
)
def quantization_error(outputs: np.ndarray) -> np.ndarray:
    """Mean of | |u| - 1 | over all outputs u."""
    return abs(abs(outputs) - 1)


@metric(of="outputs", label="quantisation error, squared", higher_is_better=False, shown=(), log=True)
def quantization_mse(outputs: np.ndarray) -> np.ndarray:
    """Mean of (|u| - 1)^2 over all outputs u."""
    return (abs(outputs) - 1) ** 2


@metric(of="codes", shown=())
def bit_balance(codes: CodeSet) -> float:
    """Mean over bits of 1 - |2 f - 1|, f the share of ones; 1 if every bit is set for half of the items."""
    return float((1 - abs(2 * codes.share - 1)).mean())


@metric(of="codes", shown=())
def bit_entropy(codes: CodeSet) -> float:
    """Mean over bits of the binary entropy of its share of ones, in bits."""
    return codes.mean_entropy()


@metric(of="codes", higher_is_better=False, shown=())
def bit_correlation(codes: CodeSet) -> float:
    """Mean over pairs of bits of |Pearson correlation|; a constant bit correlates with nothing."""
    return codes.mean_correlation()


@metric(of="codes", shown=(), digits=0)
def distinct_codes(codes: CodeSet) -> float:
    """How many different codes there are (a count)."""
    return float(codes.distinct())
