"""What DualHash is compared with in its Table VI and supplement: the W-type term by other means, all else equal."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from hashbench.models import CodeBatch
from hashbench.models.deep import require
from hashbench_dualhash.likelihood import LikelihoodHash, choose
from hashbench_dualhash.split import REDUCTIONS, SplitHash
from hashbench_dualhash.split_state import PrimalState, WeaklyConvexState
from hashbench_dualhash.stom import StoM

__all__ = ["PrimalHash", "StoM", "StoMHashWCR", "SubgradientHash"]

REGULARIZERS = {
    "abs": lambda gap: gap.abs(),
    "logcosh": lambda gap: gap.abs() + softplus(-2 * gap.abs()) - math.log(2),
}


class SubgradientHash(LikelihoodHash):
    """SGDM on the likelihood plus a W-type term on the outputs, equation (III.1), by its subgradient.

    mean_i [ f_i + lam * sum_k r(|h_ik| - 1) ] with r(t) = |t| (DSH's term) or log cosh t (DHN's). At the kinks autograd
    takes 0 for the derivative of |t|.

    Args:
        lam: weight of the term.
        regularizer: 'abs' or 'logcosh'.
        reduction: 'sum_over_bits', or 'mean_over_bits' for 1/K of it.
        others: as in `LikelihoodHash`.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        lam: float = 0.01,
        regularizer: str = "abs",
        reduction: str = "sum_over_bits",
        alpha: float | None = None,
        max_logit: float = 8.0,
        similarity_loss: str = "pairwise",
        margin: float = 2.0,
        output: str = "tanh",
        output_scale: float = 1.0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(
            bits=bits,
            num_classes=num_classes,
            num_train=num_train,
            alpha=alpha,
            max_logit=max_logit,
            similarity_loss=similarity_loss,
            margin=margin,
            output=output,
            output_scale=output_scale,
            batch_norm=batch_norm,
        )
        choose("regularizer", regularizer, REGULARIZERS)
        choose("reduction", reduction, REDUCTIONS)
        require(lam >= 0, f"lam = {lam} must be >= 0: it weighs the regulariser")
        self.regularizer = regularizer
        self.weight = lam / (bits if reduction == "mean_over_bits" else 1)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The similarity loss, and the regulariser of the outputs."""
        terms = super().loss(batch)
        gap = REGULARIZERS[self.regularizer](batch.codes.abs() - 1)
        terms["regularizer"] = self.weight * gap.sum(dim=1).mean()
        return terms


class PrimalHash(SplitHash):
    """The W regulariser itself on the split variable: u+ = prox_{eta_u R}(u - eta_u sigma (u - h)), no dual."""

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        sigma: float = 0.001,
        lam: float = 0.0005,
        eta_u: float = 500.0,
        dual_update: str = "epoch",
        inner_sweeps: int = 1,
        init: str = "itq",
        update_outputs: str = "auto",
        reduction: str = "sum_over_bits",
        alpha: float | None = None,
        max_logit: float = 8.0,
        similarity_loss: str = "pairwise",
        margin: float = 2.0,
        output: str = "tanh",
        output_scale: float = 1.0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(
            bits=bits,
            num_classes=num_classes,
            num_train=num_train,
            sigma=sigma,
            lam=lam,
            eta_u=eta_u,
            dual_update=dual_update,
            inner_sweeps=inner_sweeps,
            init=init,
            update_outputs=update_outputs,
            reduction=reduction,
            alpha=alpha,
            max_logit=max_logit,
            similarity_loss=similarity_loss,
            margin=margin,
            output=output,
            output_scale=output_scale,
            batch_norm=batch_norm,
        )
        self.state = PrimalState(num_train, bits, **self.options)


class StoMHashWCR(SplitHash):
    """The weakly convex lam |u^2 - 1| on the split variable by an (inertial) proximal gradient step, as iSPALM does it.

    With inertia and StoM it is StoMHash-WCR; without, and plain SGD, stochastic proximal gradient descent (SPGD).

    Args:
        eta_u: step size of u; 2 * lam * eta_u < 1 is needed.
        inertia: of u, in [0, 1); theta's is the optimizer's.
        others: as in `SplitHash`.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        sigma: float = 0.001,
        lam: float = 0.0005,
        eta_u: float = 500.0,
        inertia: float = 0.5,
        dual_update: str = "epoch",
        inner_sweeps: int = 1,
        init: str = "itq",
        update_outputs: str = "auto",
        reduction: str = "sum_over_bits",
        alpha: float | None = None,
        max_logit: float = 8.0,
        similarity_loss: str = "pairwise",
        margin: float = 2.0,
        output: str = "tanh",
        output_scale: float = 1.0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__(
            bits=bits,
            num_classes=num_classes,
            num_train=num_train,
            sigma=sigma,
            lam=lam,
            eta_u=eta_u,
            dual_update=dual_update,
            inner_sweeps=inner_sweeps,
            init=init,
            update_outputs=update_outputs,
            reduction=reduction,
            alpha=alpha,
            max_logit=max_logit,
            similarity_loss=similarity_loss,
            margin=margin,
            output=output,
            output_scale=output_scale,
            batch_norm=batch_norm,
        )
        self.state = WeaklyConvexState(num_train, bits, inertia=inertia, **self.options)
