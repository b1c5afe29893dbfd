# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""Nearest neighbours in Hamming space: one exact scan of the packed database per query, no sort of the database.

Distances are small integers, so counting them says where the list is cut; only the items kept are put in order. Items
at one distance have no order among themselves, and what is returned says how many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hashbench.evaluation.codes import check_packed
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.jit import njit
from hashbench.evaluation.numbers import whole_number
from hashbench.evaluation.planes import as_words
from hashbench.evaluation.simd import popcount


class Neighbours(NamedTuple):
    """What one query retrieves, nearest first; all arrays are `(top,)` int64.

    Attributes:
        items: places in the database.
        distances: in bits, not decreasing.
        ranks: 1 + how many items of the whole database are strictly closer; equal distances share a rank.
        tied: how many items of the whole database lie at this distance. Only the last distance can have more of them
            than are listed.
    """

    items: np.ndarray
    distances: np.ndarray
    ranks: np.ndarray
    tied: np.ndarray


class HammingSearch:
    """Exact search in a database of packed codes.

    Args:
        codes: `(N, ceil(bits / 8))` uint8, packed by `pack_codes`.
        bits: code length K.

    Raises:
        EvaluationInputError: the codes are not packed codes of K bits, or there are none.

    Example:
        >>> search = HammingSearch(np.array([[0b11], [0b00], [0b01]], dtype=np.uint8), bits=2)
        >>> search.nearest(np.array([0b11], dtype=np.uint8), top=2).items
        array([0, 2])
    """

    def __init__(self, codes: Any, bits: int) -> None:
        self.bits = whole_number(bits, "bits", 1, "bits of a code")
        self._words = as_words(check_packed(codes, self.bits, "database codes"))
        if len(self._words) == 0:
            raise EvaluationInputError("the database is empty: give at least one database code")

    def __len__(self) -> int:
        return len(self._words)

    def distances(self, query: Any) -> np.ndarray:
        """`(N,)` int64 distances of all items to one `(ceil(bits / 8),)` uint8 code, in database order."""
        words = as_words(check_packed(np.atleast_2d(query), self.bits, "query codes"))
        return _distances(words[0], self._words)

    def nearest(self, query: Any, top: int, draw: np.random.Generator | None = None) -> Neighbours:
        """The `top` nearest items of one query.

        Args:
            query: `(ceil(bits / 8),)` uint8.
            top: how many, 1 .. N.
            draw: chooses which items of the last distance are listed if not all are; None takes the first ones in
                database order. Items of one distance are listed in database order either way.
        """
        top = whole_number(top, "top", 0, "items")
        if not 1 <= top <= len(self):
            raise EvaluationInputError(f"top is {top}: the database has {len(self)} items, so give 1 to {len(self)}")
        distances = self.distances(query)
        at = np.bincount(distances, minlength=self.bits + 1)
        up_to = np.cumsum(at)
        cut = int(np.searchsorted(up_to, top))
        closer = np.flatnonzero(distances < cut)
        closer = closer[np.argsort(distances[closer], kind="stable")]
        last, room = np.flatnonzero(distances == cut), top - len(closer)
        last = np.sort(draw.choice(last, room, replace=False)) if draw is not None else last[:room]
        items = np.concatenate([closer, last])
        found = distances[items]
        return Neighbours(items, found, 1 + up_to[found] - at[found], at[found])


@njit()
def _distances(query, database):
    """`(W,)` uint64 against `(N, W)` uint64: `(N,)` int64."""
    out = np.empty(len(database), dtype=np.int64)
    for i in range(len(database)):
        total = 0
        for w in range(len(query)):
            total += np.int64(popcount(query[w] ^ database[i, w]))
        out[i] = total
    return out
