"""DualHash: (theta, u, y) by stochastic gradient, gradient and proximal ascent, in this order (arXiv:2510.18218).

Write h_i for the outputs of the network, per sample and with y_i = N times the paper's multiplier:

    theta:  a step of StoM (IV.5), (IV.6) or StoRM (IV.7), (IV.8) on mean_i [ f_i + sigma/2 ||u_i - h_i||^2 ]
    u:      u - eta_u [ sigma (u - h) + y ]                              (IV.3)
    y:      prox_{tau R*}( y + tau (2 u+ - u) ),  R = lam ||u| - 1|      (IV.4)

The dual term acts as the convex envelope of R, a box: it pulls |u| > 1 back to 1 and does nothing inside. With
outputs in [-1, 1] (tanh) and 2 * eta_u * sigma <= 1 the duals stay at zero, on the edge up to rounding (`DualState`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hashbench.models import CodeBatch, FitContext, passes_on_to
from hashbench_dualhash.dual_state import DualState, RememberingDualState
from hashbench_dualhash.split import SplitHash


class DualHashStoM(SplitHash):
    """The primal-dual method, for an optimizer that takes one gradient per step: StoM, or any of torch's.

    Two things in the authors' release differ, and `detach=True` gives the first: the penalty does not reach the
    network, and hence sigma, lam, u and y influence nothing. Also, the release rewrites the rows of u's target from a
    second forward pass in training mode after each step; that is not done here, since under `detach` those rows
    influence nothing either (what is lost is that the second pass moves the running statistics of batch normalisation
    once more).

    Args:
        tau: step size of y.
        detach: cut the network out of the penalty, as the authors' released code does: the gradient with respect to
            theta is then that of the similarity loss alone, whatever sigma, lam and u are.
        shared: as in `SplitHash`.
    """

    @passes_on_to(SplitHash)
    def __init__(self, *, tau: float = 0.02, detach: bool = False, **shared: Any) -> None:
        super().__init__(**shared)
        self.detach = detach
        self.tau = tau
        self.state = self.new_state()

    def new_state(self) -> DualState:
        """u and y of all samples."""
        return DualState(self.num_train, self.bits, tau=self.tau, **self.options)


class DualHashStoRM(DualHashStoM):
    """The primal-dual method for `StoRM`, whose second gradient is that of F(x_{k-1}, u_{k-1}), as in (IV.7).

    u_{k-1} differs from u_k in the first step after an update of all samples, so modes 'epoch' and 'full' keep it: 4
    bytes per sample and bit more. In mode 'batch' a sample's row last changed a whole epoch ago, unless it is in two
    consecutive batches, and u_k is used for both gradients.
    """

    optimizer: torch.optim.Optimizer | None = None

    def new_state(self) -> DualState:
        """u and y, and u before the last update."""
        if self.dual_update == "batch":
            return super().new_state()
        return RememberingDualState(self.num_train, self.bits, tau=self.tau, **self.options)

    def begin_epoch(self, fit: FitContext) -> None:
        """Keep hold of the optimizer, which knows when its closure runs."""
        super().begin_epoch(fit)
        self.optimizer = fit.optimizer

    def coupled_codes(self, index: Tensor) -> Tensor:
        """Rows of u_k, or of u_{k-1} at x_{k-1}."""
        if self._at_previous and isinstance(self.state, RememberingDualState):
            return self.state.u_previous.index_select(0, index)
        return super().coupled_codes(index)

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """As in `SplitHash`; after the first step of an epoch, u_{k-1} has become u_k."""
        if not self.record.steps and isinstance(self.state, RememberingDualState):
            self.state.u_previous.copy_(self.state.u)
        super().after_step(fit, batch)

    @property
    def _at_previous(self) -> bool:
        return getattr(self.optimizer, "at_previous", False)
