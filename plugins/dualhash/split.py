"""What DualHash and its proximal ablations share: network outputs h coupled to the split variable u by a penalty.

F(theta, u) = mean_i [ f_i(theta) + sigma/2 ||u_i - h_i(theta)||^2 ]          equation (P), scaled per sample
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import mse_loss

from hashbench.errors import UserError
from hashbench.models import CodeBatch, FitContext, passes_on_to
from hashbench_dualhash.diagnostics import split_summary
from hashbench_dualhash.initial_codes import INITS, initial_codes
from hashbench_dualhash.likelihood import LikelihoodHash, choose
from hashbench_dualhash.outputs import all_outputs, batch_outputs
from hashbench_dualhash.split_state import SplitState

DUAL_UPDATES = ("epoch", "batch", "full")
UPDATE_OUTPUTS = ("auto", "recorded", "fresh")
REDUCTIONS = ("sum_over_bits", "mean_over_bits")


class SplitHash(LikelihoodHash):
    """A likelihood with the penalty sigma/2 ||u - h||^2, and a state that follows the outputs. A subclass sets `state`.

    Args:
        sigma: weight of the penalty (the authors' 2 * eta).
        lam: weight lambda of the regulariser.
        eta_u: step size of u.
        dual_update: 'epoch': all samples seen, once at the end of each epoch (the authors' code); 'batch': the rows
            of the batch after each step; 'full': all samples after each step (the theory; a pass over the training
            set a step).
        inner_sweeps: updates in a row with the same outputs.
        init: of u: 'itq', 'pca', 'random' or 'network'; see `initial_codes`.
        update_outputs: which outputs h the update sees. 'recorded': those that the steps computed, before they moved
            the parameters (free of cost, one step or up to one epoch old, and at StoM's z where gamma > 0); 'fresh':
            h(x_{k+1}) as in (IV.3), computed for the update after the step, with running statistics where all samples
            are updated, and with those of the batch in 'batch'. x is what StoM iterates, not the z that its parameters
            hold; with another optimizer it is the parameters. 'auto': recorded, but fresh for 'full'.
        reduction: of the penalty's squares over the bits in the theta-step. 'mean_over_bits', as in the authors' code,
            keeps its balance with the likelihood, which `max_logit` bounds, at every length: the steps are those of the
            Lagrangian with penalty, regulariser and multiplier divided by K, u and y moving K times as fast.
            'sum_over_bits' is the text's.
        shared: as in `LikelihoodHash`.
    """

    state: SplitState
    detach: bool = False
    """Whether the network is cut out of the penalty."""

    @passes_on_to(LikelihoodHash)
    def __init__(
        self,
        *,
        sigma: float = 0.02,
        lam: float = 0.05,
        eta_u: float = 25.0,
        dual_update: str = "epoch",
        inner_sweeps: int = 1,
        init: str = "itq",
        update_outputs: str = "auto",
        reduction: str = "mean_over_bits",
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        choose("dual_update", dual_update, DUAL_UPDATES)
        choose("init", init, INITS)
        choose("update_outputs", update_outputs, UPDATE_OUTPUTS)
        choose("reduction", reduction, REDUCTIONS)
        if (dual_update, update_outputs) == ("full", "recorded"):
            raise UserError(
                "dual_update = 'full' updates samples that no step has seen: set update_outputs to fresh or auto"
            )
        self.dual_update, self.init = dual_update, init
        self.fresh = update_outputs == "fresh" or dual_update == "full"
        self.needs_inputs = self.fresh and dual_update == "batch"
        self.penalty_weight = 0.5 * sigma / (self.bits if reduction == "mean_over_bits" else 1)
        self.options: dict[str, Any] = {"sigma": sigma, "lam": lam, "eta_u": eta_u, "sweeps": inner_sweeps}

    def coupled_codes(self, index: Tensor) -> Tensor:
        """(b, K): the rows of u that the penalty of this batch sees."""
        return self.state.u.index_select(0, index)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The similarity loss, and the penalty: weight * mean_i ||u_i - h_i||^2."""
        terms = super().loss(batch)
        codes = batch.codes.detach() if self.detach else batch.codes
        target = self.coupled_codes(batch.index).to(codes.dtype)
        terms["coupling"] = (self.penalty_weight / len(codes)) * mse_loss(codes, target, reduction="sum")
        return terms

    def begin_fit(self, fit: FitContext) -> None:
        """u_0 by `init`."""
        self.state.start(initial_codes(self.init, fit, self.bits))

    def begin_epoch(self, fit: FitContext) -> None:
        """Ask the optimizer to measure its gradient where the epoch has one step."""
        super().begin_epoch(fit)
        self._measure(fit, steps_left=fit.steps_per_epoch)

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """Record the outputs; update the rows of the batch, or all rows, in the modes that do so."""
        super().after_step(fit, batch)
        if self.dual_update == "batch":
            self.state.update(batch.index, batch_outputs(fit, batch) if self.fresh else batch.codes.detach())
        elif self.dual_update == "full":
            self.state.update(None, all_outputs(fit))
        self._measure(fit, steps_left=fit.steps_per_epoch - self.record.steps)

    def end_epoch(self, fit: FitContext) -> None:
        """Update u (and y) of all samples of the epoch in mode 'epoch', then summarise."""
        if not self.record.steps:
            return
        index, outputs = (None, all_outputs(fit)) if self.fresh else self.record.outputs()
        if self.dual_update == "epoch":
            self.state.update(index, outputs)
        self._report = self.summary() | split_summary(self.state, index, outputs, self.record.losses, fit.optimizer)

    def _measure(self, fit: FitContext, steps_left: int) -> None:
        if steps_left == 1 and hasattr(fit.optimizer, "measure_gradient"):
            fit.optimizer.measure_gradient = True
