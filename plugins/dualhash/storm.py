"""StoRM: the STORM estimator, equations (IV.7) and (IV.8) of DualHash, after Cutkosky & Orabona (2019), Xu & Xu (2023).

    d_k = grad F(x_k; S_k) + (1 - a) (d_{k-1} - grad F(x_{k-1}; S_k))
    x_{k+1} = x_k - eta_k d_k

Both gradients are of the same batch S_k: two passes per step. It needs nothing of DualHash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from hashbench.errors import UserError
from hashbench_dualhash.stom import check_not_negative

_RIGHT_LOOP = """StoRM: step(closure) found no gradients; unlike LBFGS, it wants those of the present parameters first:
    optimizer.zero_grad()
    loss(batch).backward()
    optimizer.step(closure)  # the closure zeroes the gradients and runs loss(batch).backward() of the same batch"""


class StoRM(torch.optim.Optimizer):
    """STORM with the same batch at the old and at the new parameters.

    `step(closure)` expects the gradients at x_k, which the parameters hold, in `.grad`. It then moves the parameters to
    x_{k-1} and calls the closure, which must zero the gradients and run forward, loss and backward of the *same* batch
    (same augmented inputs, same random state, running statistics left alone); then it moves to x_{k+1}. Afterwards the
    parameters hold no gradients: those of the closure belong to another point. Weight decay is part of F: it enters
    both gradients, each at its own point. Clip, if at all, before the step, and know that it then acts on the first
    gradient only.

    Args:
        params: parameters or groups; lr and weight_decay may differ between groups.
        lr: eta >= 0.
        a: weight of the fresh gradient, in (0, 1]; 1 is plain SGD and calls no closure.
        weight_decay: >= 0.
        estimator: 'storm', or 'release': what the authors' released optimizer computes, which subtracts the previous
            step's own gradient (previous batch, previous parameters) in place of grad F(x_{k-1}; S_k). With d_0 = g_0
            that collapses to d_k = g_k, plain SGD, for every a; it calls no closure, and costs two buffers.
        initial_batches: batches averaged into d_0, |S_0| of (V.10), equation (IV.7) for k = 0. The parameters stand
            still until the last of them.

    Attributes:
        uses_closure: tells the engine to hand `step` a closure.
        at_previous: True while the closure runs, that is while the parameters hold x_{k-1}.
        measure_gradient, gradient_norm: as in `StoM`; the norm is that of the estimator d_k.
    """

    uses_closure = True
    at_previous: bool = False
    measure_gradient: bool = False
    gradient_norm: Tensor | None = None

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        a: float = 0.05,
        weight_decay: float = 0.0,
        estimator: str = "storm",
        initial_batches: int = 1,
    ) -> None:
        if estimator not in ("storm", "release"):
            raise UserError(f"estimator = {estimator!r} must be 'storm' or 'release'")
        if initial_batches != int(initial_batches) or initial_batches < 1:
            raise UserError(f"initial_batches = {initial_batches} must be a whole number >= 1")
        if not 0 < a <= 1:
            raise UserError(f"a = {a} must be in (0, 1]")
        common = {"a": a, "estimator": estimator, "initial_batches": int(initial_batches), "initial_seen": 0}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **common})
        for group in self.param_groups:
            check_not_negative(group, "lr", "weight_decay")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One iteration. Returns what the closure returned (the loss at x_{k-1}), None where it was not called.

        Raises:
            UserError: no closure where the estimator needs one, or one and no gradients: it is not called as LBFGS is.
        """
        if closure is not None and all(p.grad is None for group in self.param_groups for p in group["params"]):
            raise UserError(_RIGHT_LOOP)
        groups = [(g, [p for p in g["params"] if p.grad is not None]) for g in self.param_groups]
        params = [p for _, held in groups for p in held]
        fresh = _gradients(groups, own=True)
        head = self.param_groups[0]
        loss = None
        if head["initial_seen"] < head["initial_batches"]:
            if not self._accumulate(params, fresh):
                return loss
        elif head["estimator"] == "release":
            self._correct(params, fresh, {p: self.state[p]["previous_gradient"] for p in params if self.state[p]})
        elif head["a"] == 1:
            self._correct(params, fresh, {})
        else:
            loss = self._correct_at_previous(groups, params, fresh, closure)
        if head["estimator"] == "release":
            for p, gradient in zip(params, fresh, strict=True):
                self.state[p]["previous_gradient"] = gradient
        elif head["a"] < 1:
            self._remember(params)
        if self.measure_gradient and params:
            norms = torch._foreach_norm([self.state[p]["estimate"] for p in params])
            self.gradient_norm = torch.linalg.vector_norm(torch.stack(norms))
            self.measure_gradient = False
        for group, held in groups:
            if held:
                torch._foreach_add_(held, [self.state[p]["estimate"] for p in held], alpha=-float(group["lr"]))
        return loss

    def inertia(self) -> Tensor | float:
        """0: in the Lyapunov value of StoRM, (S40), the movement of x has no term of its own."""
        return 0.0

    def _accumulate(self, params: list[Tensor], fresh: list[Tensor]) -> bool:
        """Average the first batches into d_0; True once the last of them is in."""
        head = self.param_groups[0]
        for p, gradient in zip(params, fresh, strict=True):
            state = self.state[p]
            share = gradient / head["initial_batches"]
            state["estimate"] = state["estimate"].add_(share) if "estimate" in state else share
        head["initial_seen"] += 1
        return head["initial_seen"] == head["initial_batches"]

    def _correct(self, params: list[Tensor], fresh: list[Tensor], old: dict[Tensor, Tensor]) -> None:
        """d <- fresh + (1 - a) (d - old), and d <- fresh for parameters that have no old gradient."""
        known = [(self.state[p]["estimate"], g, old[p]) for p, g in zip(params, fresh, strict=True) if p in old]
        for p, gradient in zip(params, fresh, strict=True):
            if p not in old:
                self.state[p]["estimate"] = gradient.clone()
        if known:
            estimates, new, before = (list(tensors) for tensors in zip(*known, strict=True))
            torch._foreach_sub_(estimates, before)
            torch._foreach_mul_(estimates, 1 - self.param_groups[0]["a"])
            torch._foreach_add_(estimates, new)

    def _correct_at_previous(
        self,
        groups: list[tuple[dict[str, Any], list[Tensor]]],
        params: list[Tensor],
        fresh: list[Tensor],
        closure: Callable[[], Any] | None,
    ) -> Any:
        """The second pass: to x_{k-1}, closure, estimator, and back to x_k."""
        if closure is None:
            raise UserError("StoRM: step() needs a closure that runs forward and backward of the same batch again")
        moved = [p for p in params if "previous" in self.state[p]]
        present = [p.data for p in moved]
        for p in moved:
            p.data = self.state[p]["previous"]  # the memory changes hands for the closure, and nothing is copied
        self.at_previous = True
        try:
            with torch.enable_grad():
                loss = closure()
            old = dict(zip(params, _gradients(groups), strict=True))
            self._correct(params, fresh, {p: old[p] for p in moved})
            for p in params:
                p.grad = None
        finally:
            self.at_previous = False
            for p, point in zip(moved, present, strict=True):
                p.data = point
        return loss

    def _remember(self, params: list[Tensor]) -> None:
        """x_k becomes the old point of the next step."""
        known = [p for p in params if "previous" in self.state[p]]
        if known:
            torch._foreach_copy_([self.state[p]["previous"] for p in known], known)
        for p in params:
            if "previous" not in self.state[p]:
                self.state[p]["previous"] = p.detach().clone(memory_format=torch.preserve_format)


def _gradients(groups: list[tuple[dict[str, Any], list[Tensor]]], own: bool = False) -> list[Tensor]:
    """Gradients with weight decay of all groups in one list, in their order; zeros where there is none.

    With `own` they are in memory of their own, since the backward of the closure may write where the first one did;
    otherwise the decay is added to what the parameters hold.
    """
    out: list[Tensor] = []
    for group, params in groups:
        held = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
        if held and group["weight_decay"]:
            if own:
                held = list(torch._foreach_add(held, params, alpha=group["weight_decay"]))
            else:
                torch._foreach_add_(held, params, alpha=group["weight_decay"])
            out += held
        else:
            out += [g.clone() for g in held] if own else held
    return out
