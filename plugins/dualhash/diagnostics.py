"""What DualHash reports of itself after an epoch: the Lagrangian, dist(0, dL) by blocks, the Lyapunov value, the duals.

    L(theta, u, y) = mean_i [ f_i + sigma/2 ||u_i - h_i||^2 + <y_i, u_i> - R*(y_i) ]

Everything is per sample, summed over bits. f is the mean of the epoch's batches as they were trained on; h are the
outputs that the method's update saw; u and y are those after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hashbench_dualhash.dual_state import DualState
from hashbench_dualhash.prox import distance_to_conjugate_subgradient
from hashbench_dualhash.split_state import SplitState

ACTIVE = 1e-5
"""A dual counts as non-zero from this share of its bound lam on; below lies what rounding leaves."""


def lagrangian(similarity: Tensor, h: Tensor, u: Tensor, y: Tensor, sigma: float) -> Tensor:
    """L, a scalar: mean of f, and (n, K) outputs, codes and multipliers with |y| <= lam."""
    coupling = 0.5 * sigma * (u - h).square() + y * u - y.abs()
    return similarity + coupling.sum(dim=1).mean()


def stationarity(h: Tensor, u: Tensor, y: Tensor, sigma: float, lam: float) -> tuple[Tensor, Tensor]:
    """The u and the y block of dist(0, dL), equation (V.1): root of the mean over samples of the squares.

    u: ||sigma (u_i - h_i) + y_i||; y: distance of u_i to dR*(y_i).
    """
    u_block = (sigma * (u - h) + y).square().sum(dim=1).mean().sqrt()
    y_block = distance_to_conjugate_subgradient(u, y, lam).square().sum(dim=1).mean().sqrt()
    return u_block, y_block


def lyapunov(value: Tensor, inertia: Tensor | float, moved: Tensor, eta_u: float) -> Tensor:
    """L + inertia + 1 / (4 eta_u) * mean_i ||u_i - u_i'||^2: the form of (S14); the coefficients are ours.

    Args:
        value: L.
        inertia: the movement of theta, sum of beta / (2 eta) ||x_k - x_{k-1}||^2: the energy of a heavy ball.
        moved: mean over samples of ||u_{k+1} - u_k||^2.
        eta_u: step size of u.
    """
    return value + inertia + moved / (4 * eta_u)


def split_summary(
    state: SplitState, index: Tensor | None, h: Tensor, losses: Sequence[Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """The scalars of an epoch, by name.

    u_distance: root mean square of u - h; u_binary_gap: mean of ||u| - 1|. With a dual: dual_active, the share of
    non-zero duals; dual_max; lagrangian; lyapunov; stationarity_u, stationarity_y. Where the optimizer measured it,
    stationarity_theta: the norm of its gradient or estimator (decay included) in the last step of the epoch. Of StoM
    that is a batch's gradient and overstates the true one by the noise; of StoRM it is the variance-reduced estimate.
    stationarity: the root of the sum of squares of the blocks present.

    Args:
        state: after the update.
        index: (n,) distinct samples whose outputs are given; None: all.
        h: (n, K) outputs.
        losses: scalars, the similarity losses of the epoch.
        optimizer: what stepped theta.
    """
    rows = slice(None) if index is None else index
    u = state.u[rows]
    report = {"u_distance": (u - h).square().mean().sqrt(), "u_binary_gap": (u.abs() - 1).abs().mean()}
    if isinstance(state, DualState):
        y = state.y[rows]
        value = lagrangian(torch.stack(list(losses)).mean(), h, u, y, state.sigma)
        u_block, y_block = stationarity(h, u, y, state.sigma, state.lam)
        report |= {
            "dual_active": (y.abs() > ACTIVE * state.lam).float().mean(),
            "dual_max": y.abs().max(),
            "lagrangian": value,
            "stationarity_u": u_block,
            "stationarity_y": y_block,
        }
        if hasattr(optimizer, "inertia"):
            report["lyapunov"] = lyapunov(value, optimizer.inertia(), state.moved, state.eta_u)
        blocks = [u_block, y_block]
        if getattr(optimizer, "gradient_norm", None) is not None:
            report["stationarity_theta"] = optimizer.gradient_norm  # type: ignore[attr-defined]
            blocks.append(optimizer.gradient_norm)  # type: ignore[attr-defined]
        report["stationarity"] = torch.stack(blocks).square().sum().sqrt()
    names, values = list(report), torch.stack([v.float() for v in report.values()]).tolist()
    return dict(zip(names, values, strict=True))
