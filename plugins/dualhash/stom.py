"""StoM: stochastic gradient descent with momentum in the form of iPALM, equations (IV.5) and (IV.6) of DualHash.

    z_k = x_k + gamma_k (x_k - x_{k-1})          where the gradient g_k is taken
    w_k = x_k + beta_k  (x_k - x_{k-1})
    x_{k+1} = w_k - eta_k g_k

gamma = 0 is the heavy ball, gamma = beta Nesterov's method. It needs nothing of DualHash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from hashbench.errors import UserError


class StoM(torch.optim.Optimizer):
    """Momentum in iPALM form.

    The parameters hold z_k between steps, so that backward yields the gradient at z_k; z_k is also what is evaluated
    and saved (as with `torch.optim.SGD(nesterov=True)`, whose parameters are z_k too; with gamma = 0, z_k = x_k).
    `iterate` gives x_k. One buffer a parameter, the displacement D_k = x_k - x_{k-1}:

        D_{k+1} = beta D_k - eta g_k,    z_{k+1} = z_k - gamma D_k + (1 + gamma) D_{k+1}.

    At a constant learning rate this equals torch's SGD with nesterov (gamma = beta) or without (gamma = 0). Where the
    rate changes it does not: the displacement is that of the iterates, as in (IV.6), not a sum of gradients scaled
    anew.

    Args:
        params: parameters or groups; a group may have options of its own.
        lr: eta > 0 (0 is accepted and leaves the iterate to its momentum).
        beta: in [0, 1).
        gamma: in [0, 1); None: gamma = beta.
        weight_decay: added to the gradient as weight_decay * z_k.

    Attributes:
        measure_gradient: set to True before a step to have `gradient_norm` filled by it.
        gradient_norm: 0-dim tensor, norm of g_k (decay included) in the last measured step; None before.
    """

    measure_gradient: bool = False
    gradient_norm: Tensor | None = None

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        beta: float = 0.9,
        gamma: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "gamma": gamma, "weight_decay": weight_decay})
        for group in self.param_groups:
            if group["gamma"] is None:
                group["gamma"] = group["beta"]
            check_not_negative(group, "lr", "weight_decay")
            for name in ("beta", "gamma"):
                if not 0 <= group[name] < 1:
                    raise UserError(f"{name} = {group[name]} must be in [0, 1)")
            group["extrapolated"] = group["gamma"]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One iteration with the gradients that the parameters hold; with a closure, it is called first for them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        norms: list[Tensor] = []
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads = decayed_gradients(params, group["weight_decay"])
            if self.measure_gradient:
                norms += torch._foreach_norm(grads)
            for p in params:
                if not self.state[p]:
                    self.state[p]["displacement"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            moves = [self.state[p]["displacement"] for p in params]
            if group["extrapolated"]:  # z_k -> x_k, by the gamma that made this z_k
                torch._foreach_add_(params, moves, alpha=-group["extrapolated"])
            torch._foreach_mul_(moves, group["beta"])
            torch._foreach_add_(moves, grads, alpha=-float(group["lr"]))
            torch._foreach_add_(params, moves, alpha=1 + group["gamma"])  # x_k -> x_{k+1} -> z_{k+1}
            group["extrapolated"] = group["gamma"]
        if norms:
            self.gradient_norm = torch.linalg.vector_norm(torch.stack(norms))
            self.measure_gradient = False
        return loss

    def iterate(self, parameter: Tensor) -> Tensor:
        """x_k of a parameter, which itself holds z_k: a new tensor of its shape."""
        group = next(g for g in self.param_groups if any(p is parameter for p in g["params"]))
        move = self.state[parameter].get("displacement") if parameter in self.state else None
        return parameter.detach().clone() if move is None else parameter.detach() - group["extrapolated"] * move

    def inertia(self) -> Tensor | float:
        """sum over groups of beta / (2 eta) * ||x_k - x_{k-1}||^2, the movement term of the Lyapunov value (V-A)."""
        total: Tensor | float = 0.0
        for group in self.param_groups:
            moves = [self.state[p]["displacement"] for p in group["params"] if self.state.get(p)]
            if moves and group["lr"] > 0:
                square = torch.stack(torch._foreach_norm(moves)).square().sum()
                total = total + group["beta"] / (2 * float(group["lr"])) * square
        return total


def check_not_negative(group: dict[str, Any], *names: str) -> None:
    """Raise UserError where one of the named options of a group is negative or not a number."""
    for name in names:
        if not group[name] >= 0:
            raise UserError(f"{name} = {group[name]} must be >= 0")


def decayed_gradients(params: list[Tensor], weight_decay: float) -> list[Tensor]:
    """The gradients that the parameters hold, plus weight_decay times the parameters; the held ones are not changed."""
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
    return list(torch._foreach_add(grads, params, alpha=weight_decay)) if weight_decay else grads
