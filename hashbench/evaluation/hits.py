"""AP@T divided by the relevant items that the cut-off retrieves, exactly, although their number is random under ties.

Of the group that crosses T, t of n places are inside and h of p relevant items get in, h ~ Hypergeometric(n, p, t). The
sum of precisions and its divisor P0 + h both depend on h, so the mean of the quotient needs the sum over h.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from hashbench.evaluation.harmonic import harmonic_difference

_NEGLIGIBLE = 1e-20


def mean_precision_of_hits(
    order: str, complete: np.ndarray, N0: np.ndarray, P0: np.ndarray, n: np.ndarray, p: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """AP@T under the denominator 'retrieved'.

    Args:
        order: 'expected', or the extremes over all orders, 'best' and 'worst'.
        complete: `(Q,)` sum of precisions over the groups before the crossing one, under the same order.
        N0, P0, n, p, t: `(Q,)` float64, of the crossing group (see `ranking`).

    Returns:
        `(Q,)`; 0 where nothing relevant is retrieved.
    """
    if order == "expected":
        return _expected(complete, N0, P0, n, p, t, harmonic_difference(N0, t))
    return _extreme(order == "best", complete, N0, P0, n, p, t)


@njit(cache=True, inline="always")
def _conditional(h, complete, N0, P0, t, harmonic):
    """AP given that h relevant items are spread evenly over the t places."""
    if P0 + h == 0:
        return 0.0
    m = (h - 1) / (t - 1) if t > 1 else 0.0
    return (complete + h / t * (m * t + (P0 + 1 - m * (N0 + 1)) * harmonic)) / (P0 + h)


@njit(cache=True, parallel=True)
def _expected(complete, N0, P0, n, p, t, harmonic):
    """Weights of the hypergeometric distribution by their ratios, outwards from the mode, normalised at the end."""
    out = np.empty_like(complete)
    for q in prange(len(out)):
        low, high = max(0.0, t[q] - (n[q] - p[q])), min(p[q], t[q])
        mode = min(high, max(low, np.floor((t[q] + 1) * (p[q] + 1) / (n[q] + 2))))
        total = 1.0
        value = _conditional(mode, complete[q], N0[q], P0[q], t[q], harmonic[q])
        weight, h = 1.0, mode
        while h < high and weight > _NEGLIGIBLE:
            weight *= (p[q] - h) * (t[q] - h) / ((h + 1) * (n[q] - p[q] - t[q] + h + 1))
            h += 1
            total += weight
            value += weight * _conditional(h, complete[q], N0[q], P0[q], t[q], harmonic[q])
        weight, h = 1.0, mode
        while h > low and weight > _NEGLIGIBLE:
            weight *= h * (n[q] - p[q] - t[q] + h) / ((p[q] - h + 1) * (t[q] - h + 1))
            h -= 1
            total += weight
            value += weight * _conditional(h, complete[q], N0[q], P0[q], t[q], harmonic[q])
        out[q] = value / total
    return out


@njit(cache=True, parallel=True)
def _extreme(best, complete, N0, P0, n, p, t):
    """The extreme over every feasible h of the h relevant items placed first (best) or last (worst)."""
    out = np.empty_like(complete)
    for q in prange(len(out)):
        low, high = max(0.0, t[q] - (n[q] - p[q])), min(p[q], t[q])
        extreme = 0.0 if best else 1.0
        precisions = 0.0  # best: sum of (P0 + i)/(N0 + i); worst: sum of 1/rank over the last h places
        h = 0.0
        while h <= high:
            if h > 0:
                precisions += (P0[q] + h) / (N0[q] + h) if best else 1.0 / (N0[q] + t[q] - h + 1)
            if h >= low:
                places = precisions if best else h + (P0[q] - N0[q] - t[q] + h) * precisions
                value = (complete[q] + places) / (P0[q] + h) if P0[q] + h > 0 else 0.0
                extreme = max(extreme, value) if best else min(extreme, value)
            h += 1
        out[q] = extreme
    return out
