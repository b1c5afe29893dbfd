"""The primal-dual state of DualHash: codes u and multipliers y of all training samples, 8 bytes per sample and bit.

With h = outputs of the network, by coordinate:

    u_{k+1} = u_k - eta_u [ sigma (u_k - h) + y_k ]                   (IV.3), (IV.9)
    y_{k+1} = prox_{tau R*}( y_k + tau (2 u_{k+1} - u_k) )            (IV.4), (IV.10)

y is scaled per sample: y_i = N times the paper's multiplier (then R* keeps lambda, and no N appears).
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from hashbench.models.deep import require
from hashbench_dualhash.prox import prox_conjugate
from hashbench_dualhash.split_state import SplitState


class DualState(SplitState):
    """u and y, advanced in the order of the paper: u by a gradient step, then y by proximal ascent at 2 u+ - u.

    The saddle point that this finds belongs to lam * max(|u| - 1, 0), the convex envelope of the regulariser. Hence
    y = 0 and |u| <= 1 for ever where |h| <= 1, |u_0| <= 1, y_0 = 0 and 2 * eta_u * sigma <= 1: 2 u+ - u is then a
    convex combination of u and h, and never leaves the dead zone of the prox. On the edge, 2 * eta_u * sigma = 1 (the
    default), rounding leaves |y| of at most tau times the unit roundoff; below, none.

    Args:
        tau: step size > 0 of y.
        num_train, bits, sigma, lam, eta_u, sweeps: as in `SplitState`.

    Warns:
        UserWarning: where tau * eta_u > 1, or lam <= tau.
    """

    buffers_of_state = ("u", "y")
    y: Tensor

    def __init__(
        self, num_train: int, bits: int, *, sigma: float, lam: float, eta_u: float, tau: float, sweeps: int = 1
    ) -> None:
        super().__init__(num_train, bits, sigma=sigma, lam=lam, eta_u=eta_u, sweeps=sweeps)
        require(tau > 0, f"tau = {tau} must be > 0: it is the step size of y")
        self.tau = tau
        if tau * eta_u > 1:
            warnings.warn(
                f"tau * eta_u = {tau * eta_u:g} > 1: the primal-dual step is unstable there (u and y fall into a limit "
                "cycle where 0 < |y| < lam); take tau <= 1 / eta_u",
                stacklevel=3,
            )
        if lam <= tau:
            warnings.warn(
                f"lam = {lam:g} <= tau = {tau:g}: one step can take y from 0 to its bound; the paper wants lam > tau",
                stacklevel=3,
            )

    def start(self, u: Tensor) -> None:
        """u_0 from (N, K) codes, y_0 = 0."""
        super().start(u)
        self.y.zero_()

    def advance(self, h: Tensor, u: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """(IV.3), then (IV.4), for (m, K) rows."""
        (y,) = others
        new = torch.sub(self.coupling_step(u, h), y, alpha=self.eta_u)
        ascent = torch.add(y, torch.lerp(u, new, 2.0), alpha=self.tau)
        return new, prox_conjugate(ascent, self.tau, self.lam)


class RememberingDualState(DualState):
    """A dual state that keeps u as it was before the last update: 12 bytes per sample and bit."""

    u_previous: Tensor

    def __init__(self, num_train: int, bits: int, **options: float) -> None:
        super().__init__(num_train, bits, **options)  # type: ignore[arg-type]
        self.register_buffer("u_previous", torch.zeros(num_train, bits))

    def start(self, u: Tensor) -> None:
        """u_0 = u_{-1}."""
        super().start(u)
        self.u_previous.copy_(u)

    def update(self, index: Tensor | None, outputs: Tensor) -> None:
        """As in `SplitState`, keeping the u that was."""
        self.u_previous.copy_(self.u)
        super().update(index, outputs)
