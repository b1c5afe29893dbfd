"""Differences of harmonic numbers, H(a + k) - H(a), to full relative precision for any a.

H(1e8) is 19, so a difference of two rounded harmonic numbers knows 1/1e8 to seven digits only. With x = m + 1/2,
H(m) = ln x + gamma + 1/(24 x^2) - 7/(960 x^4) + 31/(8064 x^6) - 127/(30720 x^8) + ... (DLMF 5.11), so the main part
of a difference is one log1p and the rest is tiny.
"""

from __future__ import annotations

import numpy as np

_EXACT_BELOW = 64
_TABLE = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, _EXACT_BELOW + 1))])


def _series(x: np.ndarray) -> np.ndarray:
    y = 1.0 / (x * x)
    return y * (1 / 24 - y * (7 / 960 - y * (31 / 8064 - y * (127 / 30720))))


def harmonic_difference(a: np.ndarray, k: np.ndarray) -> np.ndarray:
    """H(a + k) - H(a) = 1/(a + 1) + ... + 1/(a + k), elementwise.

    Args:
        a: non-negative integers (as any numeric array).
        k: non-negative integers, broadcast against `a`.

    Returns:
        float64, relative error of a few 1e-15.
    """
    a, k = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(k, dtype=np.float64))
    b = a + k
    a_small, b_small = np.minimum(a, _EXACT_BELOW), np.minimum(b, _EXACT_BELOW)
    small = _TABLE[b_small.astype(np.int64)] - _TABLE[a_small.astype(np.int64)]
    start, stop = np.maximum(a, _EXACT_BELOW) + 0.5, np.maximum(b, _EXACT_BELOW) + 0.5
    return small + np.log1p((stop - start) / start) + (_series(stop) - _series(start))
