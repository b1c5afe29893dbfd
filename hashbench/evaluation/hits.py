# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""AP@T divided by the relevant items that the cut-off retrieves, exactly, although their number is random under ties.

Of the group that crosses T, t of n places are inside and h of p relevant items get in, h ~ Hypergeometric(n, p, t). The
sum of precisions and its divisor P0 + h both depend on h, so the mean of the quotient needs the sum over h.
"""

from __future__ import annotations

import numpy as np

from hashbench.evaluation.harmonic import harmonic_difference
from hashbench.evaluation.jit import njit

_NEGLIGIBLE = 1e-20


def mean_precision_of_hits(
    order: str, complete: np.ndarray, N0: np.ndarray, P0: np.ndarray, n: np.ndarray, p: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """AP@T under the denominator 'retrieved'.

    Args:
        order: 'expected', or an extreme over all orders, 'best' or 'worst'.
        complete: `(Q,)` sum of precisions over the groups before the crossing one, under the same order.
        N0, P0, n, p, t: `(Q,)` float64, of the crossing group (see `ranking`).

    Returns:
        `(Q,)`; 0 where nothing relevant is retrieved.
    """
    if order == "expected":
        return _expected(complete, N0, P0, n, p, t, harmonic_difference(N0, t))
    return (_best if order == "best" else _worst)(complete, N0, P0, n, p, t)


@njit(inline="always")
def _conditional(h, complete, N0, P0, t, harmonic):
    """AP given that h relevant items are spread evenly over the t places."""
    if P0 + h == 0:
        return 0.0
    m = (h - 1) / (t - 1) if t > 1 else 0.0
    return (complete + h / t * (m * t + (P0 + 1 - m * (N0 + 1)) * harmonic)) / (P0 + h)


@njit()
def _expected(complete, N0, P0, n, p, t, harmonic):
    """Weights of the hypergeometric distribution by their ratios, outwards from the mode, normalised at the end."""
    out = np.empty_like(complete)
    for q in range(len(out)):
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


def _best(complete, N0, P0, n, p, t):
    """The largest over every feasible h, the h items placed first.

    Each further item adds a larger precision, (P0 + h)/(N0 + h), than the one before, so the mean falls, if at all,
    only before it rises: the maximum is at one end.
    """

    def mean(h):
        return _ratio(complete + h + (P0 - N0) * harmonic_difference(N0, h), P0 + h)

    return np.maximum(mean(np.maximum(0.0, t - (n - p))), mean(np.minimum(p, t)))


def _worst(complete, N0, P0, n, p, t):
    """The smallest over every feasible h, the h items placed last.

    What one further item adds, (P0 + 1)/(N0 + t - h) + H(N0 + t) - H(N0 + t - h), grows with h, so the mean falls as
    long as this is below it, then rises: bisection finds where.
    """
    low, high = np.maximum(0.0, t - (n - p)), np.minimum(p, t)

    def harmonic(h):
        return harmonic_difference(N0 + t - h, h)

    def mean(h):
        return _ratio(complete + h + (P0 - N0 - t + h) * harmonic(h), P0 + h)

    while (low < high).any():
        middle = np.floor((low + high) / 2)
        rising = (P0 + 1) / np.maximum(N0 + t - middle, 1) + harmonic(middle) >= mean(middle)
        high = np.where(rising, middle, high)
        low = np.where(rising, low, np.minimum(middle + 1, high))
    return mean(low)


def _ratio(total, hits):
    """Mean precision of the hits, 0 if there are none."""
    return np.divide(total, hits, out=np.zeros_like(total), where=hits > 0)
