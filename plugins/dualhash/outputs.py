"""Outputs h computed anew for an update of u, at the point x_{k+1} of (IV.3), with the network left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hashbench.errors import UserError
from hashbench.models import CodeBatch, FitContext


def all_outputs(fit: FitContext) -> Tensor:
    """(N, K): h(x) of all training samples, in index order, with running statistics."""
    with at_the_iterate(fit.optimizer):
        return fit.codes()


@torch.no_grad()
def batch_outputs(fit: FitContext, batch: CodeBatch) -> Tensor:
    """(b, K): h(x) of the batch's inputs, with the statistics of the batch, running ones left alone.

    Raises:
        UserError: the harness kept no inputs.
    """
    if batch.inputs is None:
        raise UserError(
            "update_outputs = 'fresh' with dual_update = 'batch' needs the inputs of the batch, which this harness "
            "does not keep: set update_outputs=recorded"
        )
    with at_the_iterate(fit.optimizer), running_statistics_kept(fit.network):
        return fit.network(batch.inputs).codes


@contextmanager
def at_the_iterate(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Inside, parameters hold x_k. An optimizer that keeps another point in them (StoM: z_k) tells by `iterate`."""
    iterate = getattr(optimizer, "iterate", None)
    moved = [p for group in optimizer.param_groups for p in group["params"]] if iterate else []
    held = [p.data for p in moved]
    for p in moved:
        p.data = iterate(p)  # the memory changes hands, so that the way back is exact
    try:
        yield
    finally:
        for p, point in zip(moved, held, strict=True):
            p.data = point


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """Batch normalisation in training mode uses the batch and leaves its running statistics alone inside."""
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
