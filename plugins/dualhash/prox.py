"""The W-type regulariser of DualHash, its conjugate, its convex envelope, and their proximal operators, by coordinate.

With weight `lam` the regulariser (S2) is R(u) = lam * ||u| - 1|. Its conjugate is R*(y) = |y| on |y| <= lam, and the
conjugate of that is not R but its convex envelope R**(u) = lam * max(|u| - 1, 0): zero on the whole box [-1, 1]. The
saddle point that DualHash computes therefore belongs to R**.

All functions act on tensors of any shape and return the same shape. sign(0) is taken as +1 wherever it decides a value.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.errors import UserError


def w_value(u: Tensor, lam: float) -> Tensor:
    """R(u) = lam * ||u| - 1|, equation (S2)."""
    return lam * (u.abs() - 1).abs()


def w_conjugate(y: Tensor, lam: float) -> Tensor:
    """R*(y) = |y| where |y| <= lam, infinite elsewhere."""
    return torch.where(y.abs() <= lam, y.abs(), torch.inf)


def w_envelope(u: Tensor, lam: float) -> Tensor:
    """R**(u) = lam * max(|u| - 1, 0), the convex envelope of R."""
    return lam * (u.abs() - 1).clamp(min=0)


def prox_conjugate(v: Tensor, tau: float, lam: float) -> Tensor:
    """prox_{tau R*}(v), equation (IV.1): soft thresholding by tau, then clipping to [-lam, lam]."""
    return torch.nn.functional.softshrink(v, tau).clamp(-lam, lam)


def prox_w(v: Tensor, tau: float, lam: float) -> Tensor:
    """prox_{tau R}(v) = sgn(v) * (1 + soft(|v| - 1, tau * lam)); two-valued at v = 0, where it takes +."""
    return _sign(v) * (1 + torch.nn.functional.softshrink(v.abs() - 1, tau * lam))


def prox_envelope(v: Tensor, tau: float, lam: float) -> Tensor:
    """prox_{tau R**}(v): v inside the box, the nearest corner up to tau * lam outside, shifted by tau * lam beyond."""
    return v.clamp(-1, 1) + torch.nn.functional.softshrink(v - v.clamp(-1, 1), tau * lam)


def prox_weakly_convex(v: Tensor, tau: float, lam: float) -> Tensor:
    """prox_{tau h}(v) for h(z) = lam * |z^2 - 1|, which is 2 * lam weakly convex.

    With c = 2 * lam * tau: v / (1 + c) for |v| > 1 + c, v / (1 - c) for |v| < 1 - c, sgn(v) between.

    Raises:
        UserError: unless 2 * lam * tau < 1; beyond, the subproblem is not strongly convex and has several solutions.
    """
    c = 2 * lam * tau
    if not 0 <= c < 1:
        raise UserError(
            f"weakly convex prox: 2 * lam * step = {c:g} must be in [0, 1) for the subproblem to have one solution: "
            "lower lam or eta_u"
        )
    size = v.abs()
    inner, outer = size / (1 - c), size / (1 + c)
    return _sign(v) * torch.where(size < 1, inner.clamp(max=1), outer.clamp(min=1))


def distance_to_conjugate_subgradient(u: Tensor, y: Tensor, lam: float) -> Tensor:
    """dist(u, dR*(y)): how far u is from explaining y, the third block of dist(0, dL).

    y = 0: max(|u| - 1, 0); 0 < |y| < lam: |u * sgn(y) - 1|; |y| = lam: max(1 - u * sgn(y), 0).
    """
    beyond = u * y.sign() - 1
    active = torch.where(y.abs() < lam, beyond.abs(), beyond.clamp(max=0).neg_())
    return torch.where(y == 0, (u.abs() - 1).clamp_(min=0), active)


def _sign(v: Tensor) -> Tensor:
    """+1 where v >= 0, else -1."""
    return torch.where(v >= 0, 1.0, -1.0).to(v.dtype)
