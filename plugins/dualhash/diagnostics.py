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
from hashbench_dualhash.split_state import SplitState, parts

ACTIVE = 1e-5
"""A dual counts as non-zero from this share of its bound lam on; below lies what rounding leaves."""


def primal_sums(h: Tensor, u: Tensor) -> Tensor:
    """(2,): sums over (m, K) outputs and codes of (u - h)^2 and of ||u| - 1|."""
    return torch.stack([square_sum(u - h), u.abs().sub_(1).abs_().sum()])


def dual_sums(h: Tensor, u: Tensor, y: Tensor, sigma: float, lam: float) -> Tensor:
    """(4,): sums over (m, K) outputs, codes and multipliers with |y| <= lam.

    sigma/2 (u - h)^2 + y u - |y|, the coupled part of L; [sigma (u - h) + y]^2, the u block of dist(0, dL), equation
    (V.1); the squared distance of u to dR*(y), the y block; and how many duals are not 0.
    """
    size, gap = y.abs(), u - h
    if size.max() == 0:  # the usual case where outputs are bounded: the same sums, without what y does in them
        squares = square_sum(gap)
        outside = square_sum(u.abs().sub_(1).clamp_(min=0))
        return torch.stack([0.5 * sigma * squares, sigma**2 * squares, outside, torch.zeros_like(squares)])
    coupled = 0.5 * sigma * square_sum(gap) + torch.dot(y.flatten(), u.flatten()) - size.sum()
    u_block = square_sum(torch.add(y, gap, alpha=sigma))
    y_block = square_sum(distance_to_conjugate_subgradient(u, y, lam))
    return torch.stack([coupled, u_block, y_block, (size > ACTIVE * lam).sum()])


def square_sum(values: Tensor) -> Tensor:
    """Sum of squares in one pass."""
    flat = values.flatten()
    return torch.dot(flat, flat)


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
    dual = isinstance(state, DualState)
    primal, duals, largest = h.new_zeros(2), h.new_zeros(4), h.new_zeros(())
    for part in parts(*h.shape):
        rows = part if index is None else index[part]
        u = state.u[rows]
        primal += primal_sums(h[part], u)
        if dual:
            y = state.y[rows]
            duals += dual_sums(h[part], u, y, state.sigma, state.lam)
            largest = torch.maximum(largest, y.abs().max())
    distance, gap = primal / h.numel()
    report = {"u_distance": distance.sqrt(), "u_binary_gap": gap}
    if dual:
        coupled, u_block, y_block = duals[:3] / len(h)
        value = torch.stack(list(losses)).mean() + coupled
        blocks = [u_block.sqrt(), y_block.sqrt()]
        report |= {
            "dual_active": duals[3] / h.numel(),
            "dual_max": largest,
            "lagrangian": value,
            "stationarity_u": blocks[0],
            "stationarity_y": blocks[1],
        }
        if hasattr(optimizer, "inertia"):
            report["lyapunov"] = lyapunov(value, optimizer.inertia(), state.moved, state.eta_u)
        if getattr(optimizer, "gradient_norm", None) is not None:
            report["stationarity_theta"] = optimizer.gradient_norm  # type: ignore[attr-defined]
            blocks.append(optimizer.gradient_norm)  # type: ignore[attr-defined]
        report["stationarity"] = torch.stack(blocks).square().sum().sqrt()
    names, values = list(report), torch.stack([v.float() for v in report.values()]).tolist()
    return dict(zip(names, values, strict=True))
