"""Metrics of a ranking with ties, as closed forms of the counts: average precision, precision, recall and nDCG at T.

Notation of one group, the items at one distance: n items, p of them relevant; N0 items and P0 relevant ones lie
strictly closer; t is how many places of the group lie inside the cut-off. A group's share of a metric is a sum over its
places, and its order is unknown: `expected` averages over all orders, `best` puts the relevant items first, `worst`
last (but for AP@T divided by the hits retrieved: see `hits`).

Sources: McSherry & Najork, Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied
Scores, ECIR 2008; He, Cakir, Bargal & Sclaroff, Hashing as Tie-Aware Learning to Rank, CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.harmonic import harmonic_difference
from hashbench.evaluation.hits import mean_precision_of_hits
from hashbench.evaluation.numbers import whole_number

ORDERS = ("expected", "best", "worst")
DENOMINATORS = ("retrieved", "capped", "all")


@dataclass(frozen=True)
class CutOff:
    """The ranking cut after T places: complete groups, and the group that crosses T.

    Attributes:
        length: T, at most N.
        group: `(Q,)` distance of the crossing group.
        N0, P0, n, p, t: `(Q,)` float64, of the crossing group; 1 <= t <= n.
    """

    length: int
    group: np.ndarray
    N0: np.ndarray
    P0: np.ndarray
    n: np.ndarray
    p: np.ndarray
    t: np.ndarray

    def hits(self, order: str) -> np.ndarray:
        """`(Q,)` relevant items among the first T: h of the crossing group's p come in time, on top of P0."""
        if order == "best":
            h = np.minimum(self.p, self.t)
        elif order == "worst":
            h = np.maximum(0.0, self.t - (self.n - self.p))
        else:
            h = self.p * self.t / self.n
        return self.P0 + h


class Ranking:
    """The tied ranking of each query's database, ready for metrics at any cut-off.

    Args:
        counts: histograms of all Q queries.
        denominator: what `average_precision_at` divides by unless told otherwise.

    Every method returns `(Q,)` float64. A query without a relevant item has NaN in every metric.
    """

    def __init__(self, counts: Counts, denominator: str = "retrieved") -> None:
        self.counts = counts
        self.denominator = denominator
        self.size = counts.database_size
        self.relevant = counts.relevant.astype(np.float64)
        self._n, self._p = counts.n.astype(np.float64), counts.p.astype(np.float64)
        self._N, self._P = np.cumsum(self._n, axis=1), np.cumsum(self._p, axis=1)
        self._terms: dict[str, np.ndarray] = {}

    def average_precision(self, order: str = "expected") -> np.ndarray:
        """AP over the whole ranking."""
        return self._per_relevant(self._group_terms(order)[:, -1], self.relevant)

    def average_precision_at(self, T: int, order: str = "expected", denominator: str | None = None) -> np.ndarray:
        """AP over the first T places.

        Args:
            T: cut-off in items; beyond N it means N.
            order: 'expected', 'best' or 'worst'.
            denominator: what the sum of precisions is divided by. 'retrieved': relevant items among the first T (0 if
                there are none); 'capped': min(R, T); 'all': R. With 'retrieved' the divisor itself depends on the
                order, so the expectation runs over the hypergeometric number of hits, and the extremes over every
                possible number. None: the ranking's own.
        """
        denominator = denominator or self.denominator
        cut = self.cut(T)
        complete = self._before(self._group_terms(order), cut.group)
        if denominator == "retrieved":
            value = mean_precision_of_hits(order, complete, cut.N0, cut.P0, cut.n, cut.p, cut.t)
            return self._per_relevant(value, np.ones_like(self.relevant))
        total = complete + precision_sum(order, cut.N0, cut.P0, cut.n, cut.p, cut.t)
        return self._per_relevant(total, divisor(denominator, cut.hits(order), self.relevant, T))

    def precision_at(self, T: int, order: str = "expected") -> np.ndarray:
        """Share of the first min(T, N) items that is relevant."""
        cut = self.cut(T)
        return self._per_relevant(cut.hits(order), np.full_like(self.relevant, cut.length))

    def recall_at(self, T: int, order: str = "expected") -> np.ndarray:
        """Share of the relevant items that is among the first T."""
        return self._per_relevant(self.cut(T).hits(order), self.relevant)

    def ndcg_at(self, T: int, order: str = "expected") -> np.ndarray:
        """Gain of the first T places discounted by log2(rank + 1), over that of a perfect ranking."""
        cut = self.cut(T)
        discounts = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2.0, cut.length + 2)))])
        stop = np.minimum(self._N, cut.length).astype(np.int64)
        start = np.pad(stop[:, :-1], ((0, 0), (1, 0)))
        if order == "best":
            hits = np.minimum(self._p, stop - start).astype(np.int64)
            gain = discounts[start + hits] - discounts[start]
        elif order == "worst":
            misses = np.minimum(self._n - self._p, stop - start).astype(np.int64)
            gain = discounts[stop] - discounts[start + misses]
        else:
            share = np.divide(self._p, self._n, out=np.zeros_like(self._p), where=self._n > 0)
            gain = share * np.diff(discounts[stop], axis=1, prepend=0.0)
        ideal = discounts[np.minimum(self.relevant, cut.length).astype(np.int64)]
        return self._per_relevant(gain.sum(axis=1), ideal)

    def cut(self, T: int) -> CutOff:
        """Where the ranking is cut after T places (after N, if T is beyond it)."""
        length = min(whole_number(T, "the cut-off", 1, "items"), self.size)
        group = np.argmax(length <= self._N, axis=1)
        rows = np.arange(len(group))
        n, p = self._n[rows, group], self._p[rows, group]
        N0, P0 = self._N[rows, group] - n, self._P[rows, group] - p
        return CutOff(length, group, N0, P0, n, p, length - N0)

    def expected_hits(self, lengths: np.ndarray) -> np.ndarray:
        """Mean over queries of the expected relevant items among the first T, for many T at once: `(len(lengths),)`.

        Each place of a group holds a relevant item with the same chance, so the sum over queries is a step function of
        the place: it changes where a group begins or ends.

        Args:
            lengths: T, integers from 0 to N.
        """
        end = self._N.astype(np.int64)
        start = np.pad(end[:, :-1], ((0, 0), (1, 0)))
        chance = np.divide(self._p, self._n, out=np.zeros_like(self._p), where=self._n > 0)
        steps = np.bincount(start.ravel(), chance.ravel(), self.size + 1)
        steps -= np.bincount(end.ravel(), chance.ravel(), self.size + 1)
        hits = np.cumsum(np.cumsum(steps[:-1]))
        return np.concatenate([[0.0], hits])[lengths] / len(self._N)

    def _group_terms(self, order: str) -> np.ndarray:
        """`(Q, K + 1)` cumulative sums over groups of the precisions at relevant places."""
        if order not in ORDERS:
            raise EvaluationInputError(f"order is {order!r}: choose one of {', '.join(ORDERS)}")
        if order not in self._terms:
            n, p = self._n, self._p
            self._terms[order] = np.cumsum(precision_sum(order, self._N - n, self._P - p, n, p, n), axis=1)
        return self._terms[order]

    @staticmethod
    def _before(cumulated: np.ndarray, group: np.ndarray) -> np.ndarray:
        """The cumulative value over all groups strictly before `group`."""
        rows = np.arange(len(group))
        return np.where(group > 0, cumulated[rows, group - 1], 0.0)

    def _per_relevant(self, numerator: np.ndarray, divisor: np.ndarray) -> np.ndarray:
        """numerator / divisor, NaN for queries without a relevant item."""
        return np.divide(numerator, divisor, out=np.full_like(self.relevant, np.nan), where=self.relevant > 0)


def divisor(denominator: str, hits: np.ndarray, relevant: np.ndarray, T: int) -> np.ndarray:
    """What a sum of precisions over the first T places is divided by: `(Q,)` float64.

    Args:
        denominator: 'retrieved', 'capped' or 'all'.
        hits: `(Q,)` relevant items among the first T.
        relevant: `(Q,)` R.
        T: cut-off.
    """
    if denominator == "retrieved":
        return hits
    if denominator == "capped":
        return np.minimum(relevant, T)
    if denominator == "all":
        return relevant
    raise EvaluationInputError(f"denominator is {denominator!r}: choose one of {', '.join(DENOMINATORS)}")


def precision_sum(
    order: str, N0: np.ndarray, P0: np.ndarray, n: np.ndarray, p: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Sum of the precisions at the relevant items among the first t places of a group.

    Args:
        order: 'expected', 'best' or 'worst'.
        N0, P0, n, p, t: float arrays of one shape; see the module. An empty group (n = 0) gives 0.
    """
    if order == "best":
        h = np.minimum(p, t)
        return h + (P0 - N0) * harmonic_difference(N0, h)
    if order == "worst":
        misses = np.minimum(n - p, t)
        h = t - misses
        return h + (P0 - N0 - misses) * harmonic_difference(N0 + misses, h)
    # A place is relevant with chance p/n, and then each place before it in the group with chance m.
    m = np.divide(p - 1, n - 1, out=np.zeros_like(p), where=n > 1)
    share = np.divide(p, n, out=np.zeros_like(p), where=n > 0)
    return share * (m * t + (P0 + 1 - m * (N0 + 1)) * harmonic_difference(N0, t))
