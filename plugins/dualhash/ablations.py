"""What DualHash is compared with in its Table VI and supplement: the W-type term by other means, all else equal."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.nn.functional import softplus

from hashbench.models import CodeBatch, passes_on_to
from hashbench.models.deep import require
from hashbench_dualhash.likelihood import LikelihoodHash, choose
from hashbench_dualhash.split import REDUCTIONS, SplitHash
from hashbench_dualhash.split_state import PrimalState, WeaklyConvexState

REGULARIZERS = {
    "abs": lambda gap: gap.abs(),
    "logcosh": lambda gap: gap.abs() + softplus(-2 * gap.abs()) - math.log(2),
}


class SubgradientHash(LikelihoodHash):
    """SGDM on the likelihood plus a W-type term on the outputs, equation (III.1), by its subgradient.

    mean_i [ f_i + lam * mean_k r(|h_ik| - 1) ] with r(t) = |t| (DSH's term) or log cosh t (DHN's). At the kinks
    autograd takes 0 for the derivative of |t|.

    Args:
        lam: weight of the term.
        regularizer: 'abs' or 'logcosh'.
        reduction: 'mean_over_bits', or 'sum_over_bits' as in the text: f is bounded by `max_logit` at every length, and
            a sum grows as K beside it.
        shared: as in `LikelihoodHash`.
    """

    @passes_on_to(LikelihoodHash)
    def __init__(
        self, *, lam: float = 0.1, regularizer: str = "abs", reduction: str = "mean_over_bits", **shared: Any
    ) -> None:
        super().__init__(**shared)
        choose("regularizer", regularizer, REGULARIZERS)
        choose("reduction", reduction, REDUCTIONS)
        require(lam >= 0, f"lam = {lam} must be >= 0: it weighs the regulariser")
        self.regularizer = regularizer
        self.weight = lam / (self.bits if reduction == "mean_over_bits" else 1)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The similarity loss, and the regulariser of the outputs."""
        terms = super().loss(batch)
        gap = REGULARIZERS[self.regularizer](batch.codes.abs() - 1)
        terms["regularizer"] = self.weight * gap.sum(dim=1).mean()
        return terms


class PrimalHash(SplitHash):
    """The W regulariser itself on the split variable: u+ = prox_{eta_u R}(u - eta_u sigma (u - h)), no dual."""

    @passes_on_to(SplitHash)
    def __init__(self, *, lam: float = 0.01, **shared: Any) -> None:
        super().__init__(lam=lam, **shared)
        self.state = PrimalState(self.num_train, self.bits, **self.options)


class StoMHashWCR(SplitHash):
    """The weakly convex lam |u^2 - 1| on the split variable by an (inertial) proximal gradient step, as iSPALM does it.

    With inertia and StoM it is StoMHash-WCR; without, and plain SGD, stochastic proximal gradient descent (SPGD).

    Args:
        eta_u: step size of u; 2 * lam * eta_u < 1 is needed.
        inertia: of u, in [0, 1); theta's is the optimizer's.
        shared: as in `SplitHash`.
    """

    @passes_on_to(SplitHash)
    def __init__(self, *, lam: float = 0.01, inertia: float = 0.5, **shared: Any) -> None:
        super().__init__(lam=lam, **shared)
        self.state = WeaklyConvexState(self.num_train, self.bits, inertia=inertia, **self.options)
