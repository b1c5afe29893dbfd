"""lp-box ADMM for one binary word against others, compiled: the loop that MDSHC's centres spend their time in.

    minimise <c, h>   with  h = z1 (box),  h = z2 (sphere),  H h + z3 = K - 2d,  z3 >= 0,   c the mean of the others

{-1, 1}^K is the box [-1, 1]^K cut with the sphere of radius sqrt(K). The penalty grows from 1e-5 by 1.09 every 10
iterations up to 1e7; steps of the multipliers are 1.618 times the penalty. Wang, Pan, Liu, Zhang, Xu, Deep Hashing with
Minimal-Distance-Separated Hash Centers (CVPR 2023), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

_GOLDEN = (1 + 5**0.5) / 2
_RHO_START, _RHO_GROWTH, _RHO_END = 1e-5, 1.09, 1e7

Vector = NDArray[np.float64]


def solve(
    word: Vector, others: NDArray[np.float64], limit: float, multipliers: tuple[Vector, Vector, Vector]
) -> Vector:
    """The real word that the iteration ends with; its signs are the answer.

    Args:
        word: (K,) of -1 and +1, where to start.
        others: H, (C - 1, K).
        limit: K - 2d.
        multipliers: the first y1 (K,), y2 (K,) and y3 (C - 1,); overwritten.

    Returns:
        (K,) float64.
    """
    others = np.ascontiguousarray(others)
    inverse = np.linalg.inv(2 * np.eye(len(word)) + others.T @ others)
    slack = np.maximum(limit - others @ word, 0)
    return _iterate(word, others, others.mean(axis=0), inverse, float(limit), slack, *multipliers)


def _compiled(function: Callable[..., Vector]) -> Callable[..., Vector]:
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:  # no folder for compiled code can be written: two seconds in every process
        return numba.njit(function)


@_compiled
def _iterate(
    word: Vector,
    others: NDArray[np.float64],
    centre: Vector,
    inverse: NDArray[np.float64],
    limit: float,
    z3: Vector,
    y1: Vector,
    y2: Vector,
    y3: Vector,
) -> Vector:
    bits, rho = len(word), _RHO_START
    x, z1, z2 = word.copy(), word.copy(), word.copy()
    right = np.empty(bits)
    while rho < _RHO_END:
        gap = 0.0
        for _ in range(10):
            slack, push = np.dot(limit - z3, others), np.dot(y3, others)
            for k in range(bits):
                right[k] = z1[k] + z2[k] + slack[k] - (y1[k] + y2[k] + push[k] + centre[k]) / rho
            x = np.dot(inverse, right)
            inner = np.dot(others, x)
            for k in range(bits):
                z1[k] = min(max(x[k] + y1[k] / rho, -1.0), 1.0)
                z2[k] = x[k] + y2[k] / rho
            scale = bits**0.5 / max(np.sqrt(np.dot(z2, z2)), 1e-300)
            step, gap = _GOLDEN * rho, 0.0
            for k in range(bits):
                z2[k] = z2[k] * scale
                y1[k] += step * (x[k] - z1[k])
                y2[k] += step * (x[k] - z2[k])
                gap = max(gap, abs(x[k] - z1[k]), abs(x[k] - z2[k]))
            for i in range(len(others)):
                z3[i] = max(limit - inner[i] - y3[i] / rho, 0.0)
                over = inner[i] + z3[i] - limit
                y3[i] += step * over
                gap = max(gap, abs(over))
        if gap < 1e-6:
            break
        rho *= _RHO_GROWTH
    return x
