"""Sets of codewords, one a class, compared without a matrix of all pairs: there may be tens of thousands of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PAIRS = 1 << 24
"""Pairs looked at at a time: 64 MB in float32."""


def first_of_equals(words: NDArray) -> NDArray[np.int64]:
    """(C, K) of -1 and +1 -> ascending rows at which each different word comes first."""
    packed = np.ascontiguousarray(np.packbits(words > 0, axis=1))
    rows = packed.view(np.dtype((np.void, packed.shape[1])))[:, 0]
    return np.sort(np.unique(rows, return_index=True)[1])


def smallest_distance(words: NDArray, stop_at: int = 0) -> int:
    """The smallest Hamming distance of two words of (C, K) of -1 and +1; K where there are no two.

    Args:
        words: the codewords.
        stop_at: a distance that settles the matter: the search ends with the first that is not larger.
    """
    words = np.ascontiguousarray(words, dtype=np.float32)  # sums of K ones are exact in it
    count, bits = words.shape
    smallest, step = bits, max(1, _PAIRS // max(count, 1))
    for first in range(0, count - 1, step):
        block = words[first : first + step]
        inner = block @ words[first:].T
        inner[np.tril_indices(len(block), 0, inner.shape[1])] = -bits  # itself, and pairs that were met before
        smallest = min(smallest, int(bits - inner.max()) // 2)
        if smallest <= stop_at:
            break
    return smallest
