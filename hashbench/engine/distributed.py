"""What several processes need: who we are, rows of all ranks with gradient, gradients summed.

Losses are written for the global batch. Every rank computes the same loss on the gathered logits; gradient flows back
into a rank's own rows only, so the sum over ranks of the parameters' gradients is the gradient of that one loss.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor


def rank() -> int:
    """Rank of this process, 0 where there is only one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes, 1 where nothing was launched."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, counts: list[int]) -> Tensor:  # type: ignore[override]
        ctx.counts = counts
        # Slices of one global batch differ by at most one row; all_gather wants equal shapes.
        longest = max(counts)
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: rows.shape[0]] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded.contiguous())
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override]
        start = sum(ctx.counts[: rank()])
        return gradient[start : start + ctx.counts[rank()]], None


def gather_rows(rows: Tensor) -> Tensor:
    """(b_r, ...) of every rank -> (b, ...) in rank order; differentiable with respect to this rank's rows."""
    if world_size() == 1:
        return rows
    count = torch.tensor([rows.shape[0]], device=rows.device)
    counts = [torch.empty_like(count) for _ in range(world_size())]
    dist.all_gather(counts, count)
    return _Gather.apply(rows, [int(c) for c in counts])


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """All-reduce (sum) the gradients of all parameters in one flat message."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()
