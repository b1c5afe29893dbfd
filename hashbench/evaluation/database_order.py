# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""The `index` tie policy: items at one distance stand in database order, as a stable argsort puts them.

The counts already say where each distance's group begins in the ranking, so one pass over the database in its order,
with one cursor for each group, knows every item's rank without a sort. Legacy numbers were made this way or nearly so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from hashbench.evaluation.codes import packed_codes
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.jit import njit
from hashbench.evaluation.labels import by_item, parse_labels
from hashbench.evaluation.planes import as_words
from hashbench.evaluation.ranking import divisor
from hashbench.evaluation.simd import popcount

_CHUNK = 1 << 18


class DatabaseOrderRanking:
    """The same metrics as `Ranking`, for the one order that the database gives.

    Args:
        query_codes, database_codes, query_labels, database_labels, bits: as for `evaluate`.
        counts: the counts of exactly these codes and labels, or those without each query itself.
        leave_one_out: whether they are the latter: query i is item i, and is passed over.
        topk: every cut-off that will be asked for.
        denominator: what `average_precision_at` divides by unless told otherwise.
    """

    def __init__(
        self,
        query_codes: Any,
        database_codes: Any,
        query_labels: Any,
        database_labels: Any,
        *,
        counts: Counts,
        topk: tuple[int, ...] = (),
        denominator: str = "retrieved",
        bits: int | None = None,
        leave_one_out: bool = False,
    ) -> None:
        self.denominator = denominator
        self.size = counts.database_size
        self.relevant = counts.relevant.astype(np.float64)
        lengths = sorted({self.size, *(min(T, self.size) for T in topk)})
        self._column = {length: i for i, length in enumerate(lengths)}
        sums = np.zeros((counts.queries, len(lengths), 3))
        queries = as_words(packed_codes(query_codes, bits, "query codes")[0])
        labels = parse_labels(query_labels, len(queries), "query labels")
        database_labels = by_item(database_labels, len(database_codes), "database labels")
        ranks, hits = np.cumsum(counts.n, axis=1) - counts.n, np.cumsum(counts.p, axis=1) - counts.p
        discounts = 1.0 / np.log2(np.arange(2.0, self.size + 2))
        for start in range(0, len(database_codes), _CHUNK):
            codes, _ = packed_codes(database_codes[start : start + _CHUNK], bits, "database codes")
            of_chunk = database_labels[start : start + _CHUNK]
            chunk = parse_labels(of_chunk, len(codes), "database labels", labels)
            single = labels.classes is None
            own = np.arange(len(queries)) - start if leave_one_out else np.full(len(queries), -1)
            label_rows = [part.values.reshape(len(part), -1).astype(np.uint64) for part in (labels, chunk)]
            _walk(queries, as_words(codes), *label_rows, single, own, ranks, hits, np.array(lengths), discounts, sums)
        self._hits, self._precisions, self._gains = np.moveaxis(sums, 2, 0)
        self._ideal = np.concatenate([[0.0], np.cumsum(discounts)])

    def average_precision(self, order: str = "index") -> np.ndarray:
        """AP over the whole ranking."""
        return self._share(self._precisions[:, self._at(self.size)], self.relevant)

    def average_precision_at(self, T: int, order: str = "index", denominator: str | None = None) -> np.ndarray:
        """AP over the first T places; see `Ranking.average_precision_at`."""
        divided_by = divisor(denominator or self.denominator, self._hits[:, self._at(T)], self.relevant, T)
        return self._share(self._precisions[:, self._at(T)], divided_by)

    def precision_at(self, T: int, order: str = "index") -> np.ndarray:
        """Share of the first min(T, N) items that is relevant."""
        return self._share(self._hits[:, self._at(T)], np.full_like(self.relevant, min(T, self.size)))

    def recall_at(self, T: int, order: str = "index") -> np.ndarray:
        """Share of the relevant items that is among the first T."""
        return self._share(self._hits[:, self._at(T)], self.relevant)

    def ndcg_at(self, T: int, order: str = "index") -> np.ndarray:
        """nDCG of the first T places."""
        ideal = self._ideal[np.minimum(self.relevant, min(T, self.size)).astype(np.int64)]
        return self._share(self._gains[:, self._at(T)], ideal)

    def _at(self, T: int) -> int:
        return self._column[min(T, self.size)]

    def _share(self, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        """numerator / denominator; 0 where nothing is retrieved, NaN for queries without a relevant item."""
        share = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
        return np.where(self.relevant > 0, share, np.nan)


@njit(parallel=True)
def _walk(queries, database, query_labels, labels, single, own, ranks, hits, lengths, discounts, sums):
    """Advance every query over one chunk.

    Args:
        queries, database: `(Q, W)` and `(n, W)` uint64 words of codes.
        query_labels, labels: uint64 words of labels, or ids in one column if `single`.
        own: `(Q,)` int64, the item of the chunk that each query passes over; outside the chunk for none.
        ranks, hits: `(Q, K + 1)` int64 cursors: items and relevant items placed so far up to each group's next place.
        lengths: `(T,)` int64 cut-offs in increasing order.
        discounts: `(N,)` float64, nDCG's by rank from 0.
        sums: `(Q, T, 3)` float64, added to: hits, precisions at hits, discounted gains.
    """
    for q in prange(len(queries)):
        for i in range(len(database)):
            if i == own[q]:
                continue
            d = 0
            for w in range(queries.shape[1]):
                d += np.int64(popcount(queries[q, w] ^ database[i, w]))
            rank = ranks[q, d]
            ranks[q, d] += 1
            if single:
                relevant = query_labels[q, 0] == labels[i, 0]
            else:
                relevant = False
                for w in range(labels.shape[1]):
                    relevant |= (query_labels[q, w] & labels[i, w]) != 0
            if relevant:
                hits[q, d] += 1
                t = len(lengths) - 1
                while t >= 0 and rank < lengths[t]:
                    sums[q, t, 0] += 1
                    sums[q, t, 1] += hits[q, d] / (rank + 1)
                    sums[q, t, 2] += discounts[rank]
                    t -= 1
