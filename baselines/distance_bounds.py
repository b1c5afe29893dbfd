"""How far apart C codewords of K bits can be: the Gilbert-Varshamov bound, in whole numbers.

With V(K, r) = sum_{j <= r} binom(K, j), the number of words within distance r of one, C words at pairwise distance >= d
exist if C V(K, d - 1) <= 2^K.

Wang, Pan, Liu, Zhang, Xu, Deep Hashing with Minimal-Distance-Separated Hash Centers (CVPR 2023), section 3.2. The
floats of the authors' code give the same values; whole numbers give them for every K.
"""

from __future__ import annotations

from math import comb

from hashbench.models.deep import require


def ball(bits: int, radius: int) -> int:
    """V(K, r): the number of K-bit words within Hamming distance r of a word; 0 for r < 0."""
    return sum(comb(bits, j) for j in range(radius + 1))


def guaranteed_distance(bits: int, words: int) -> int:
    """The largest d <= K for which Gilbert-Varshamov says that `words` codewords exist."""
    _check(bits, words)
    return max(d for d in range(1, bits + 1) if words * ball(bits, d - 1) <= 1 << bits)


def target_distance(bits: int, words: int) -> int:
    """What MDSHC asks for: the first d with C V(K, d - 1) >= 2^K, at most K; mostly one more than is guaranteed."""
    _check(bits, words)
    return next((d for d in range(1, bits + 1) if words * ball(bits, d - 1) >= 1 << bits), bits)


def _check(bits: int, words: int) -> None:
    require(words >= 1, f"the number of classes must be >= 1, got {words}")
    require(
        words <= 1 << bits,
        f"{words} classes need as many different codes, and {bits} bits give {1 << bits}: take at least "
        f"{(words - 1).bit_length()} bits",
    )
