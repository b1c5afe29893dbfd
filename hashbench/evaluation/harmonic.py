# mypy: disable-error-code="call-arg"
"""Differences of harmonic numbers, H(a + k) - H(a), to full relative precision for any a.

H(1e8) is 19, so a difference of two rounded harmonic numbers knows 1/1e8 to seven digits only. With x = m + 1/2,
H(m) = ln x + gamma + 1/(24 x^2) - 7/(960 x^4) + 31/(8064 x^6) - 127/(30720 x^8) + ... (DLMF 5.11), so the main part
of a difference is one log1p and the rest is tiny.
"""

from __future__ import annotations

import math

import numpy as np

from hashbench.evaluation.jit import njit

_EXACT = 64
_TABLE = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, _EXACT + 1))])


def harmonic_difference(a: np.ndarray, k: np.ndarray) -> np.ndarray:
    """H(a + k) - H(a) = 1/(a + 1) + ... + 1/(a + k), elementwise.

    Args:
        a: non-negative integers (as any numeric array).
        k: non-negative integers, broadcast against `a`.

    Returns:
        float64, relative error of a few 1e-15.
    """
    a, k = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(k, dtype=np.float64))
    return _differences(a.ravel(), k.ravel(), _TABLE).reshape(a.shape)


@njit()
def _differences(starts, counts, table):
    out = np.zeros(len(starts))
    for i in range(len(starts)):
        a, b = starts[i], starts[i] + counts[i]
        if a < b and a < _EXACT:
            stop = min(b, float(_EXACT))
            out[i] = table[int(stop)] - table[int(a)]
            a = stop
        if a < b:
            x, y = a + 0.5, b + 0.5
            out[i] += math.log1p((y - x) / x) + _series(y) - _series(x)
    return out


@njit()
def _series(x):
    y = 1.0 / (x * x)
    return y * (1 / 24 - y * (7 / 960 - y * (31 / 8064 - y * (127 / 30720))))
