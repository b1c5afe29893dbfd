"""What several processes need: who we are, rows of all ranks with gradient, gradients summed.

Losses are written for the global batch. Every rank computes the same loss on the gathered logits; gradient flows back
into a rank's own rows only, so the sum over ranks of the parameters' gradients is the gradient of that one loss.

Rank and number of processes are mmengine's; its gathering has no gradient, its launcher wants a GPU under gloo too, and
torch's synchronised batch norm is for GPUs only: these are our own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from mmengine.dist import get_rank as rank
from mmengine.dist import get_world_size as world_size
from torch import Tensor

from hashbench.errors import RunFailedError
from hashbench.process import end_with_parent

PATIENCE = timedelta(days=2)
"""How long processes wait for each other. The first may work alone for hours, on a closed-form fit or until another run
has computed the features that both need; and where one fails, torchrun ends all."""

_LOST = re.compile(
    r"gloo|nccl|TCPStore|Connection (was )?(closed|reset|refused)|Broken pipe|remote process exited|recvValue",
    re.I,
)
"""What torch says, in many ways, where another process is gone."""


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


def sum_gradients(parameters: Iterable[torch.nn.Parameter], replicated: Iterable[torch.nn.Parameter] = ()) -> None:
    """All-reduce the gradients of all parameters in one flat message.

    Gradients are summed over ranks; those of `replicated` parameters are averaged, because every rank has computed them
    whole: they are used after the gathering, on the global batch.
    """
    if world_size() == 1:
        return
    whole = {id(p) for p in replicated}
    with_gradient, gradients = [], []
    for parameter in parameters:
        if parameter.grad is not None:
            with_gradient.append(parameter)
            gradients.append(parameter.grad / world_size() if id(parameter) in whole else parameter.grad)
    if not gradients:
        return
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    for parameter, summed in zip(with_gradient, flat.split([g.numel() for g in gradients]), strict=True):
        parameter.grad = summed.view_as(parameter).clone()


class GlobalBatchNorm(torch.nn.Module):
    """Batch norm whose training statistics are those of the global batch, on any device and backend.

    Shares weight, bias and running statistics with the layer it stands for, under the same names.

    Args:
        layer: BatchNorm1d or BatchNorm2d with affine parameters or without.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: torch.nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = layer.eps, layer.momentum
        self.weight, self.bias = layer.weight, layer.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(layer, name))

    def forward(self, inputs: Tensor) -> Tensor:
        """(b, C, ...) -> (b, C, ...), as torch's batch norm on the rows of all processes together."""
        running_mean, running_var = self.running_mean, self.running_var
        if not self.training:
            return torch.nn.functional.batch_norm(
                inputs, running_mean, running_var, self.weight, self.bias, eps=self.eps
            )
        axes = [axis for axis in range(inputs.ndim) if axis != 1]
        count = inputs.new_tensor([inputs.numel() / inputs.shape[1]])
        total = _AllSum.apply(torch.cat([inputs.sum(axes), count]))
        number = total[-1].detach()
        mean = total[:-1] / number
        shape = [1, -1] + [1] * (inputs.ndim - 2)
        centred = inputs - mean.view(shape)
        variance = _AllSum.apply((centred * centred).sum(axes)) / number
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
            running_mean.lerp_(mean, share)
            running_var.lerp_(variance * number / (number - 1), share)
        scaled = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.weight is not None:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled


class _AllSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:  # type: ignore[override]
        value = value.clone()
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient


def with_global_batch_norm(module: torch.nn.Module) -> torch.nn.Module:
    """Replace every batch norm inside `module` by `GlobalBatchNorm` where several processes share a batch."""
    if world_size() == 1:
        return module
    for name, child in module.named_children():
        if isinstance(child, torch.nn.modules.batchnorm._BatchNorm):
            setattr(module, name, GlobalBatchNorm(child))
        else:
            with_global_batch_norm(child)
    return module


def is_lost_peer(error: BaseException) -> bool:
    """Whether an error says that another process of this run has ended."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 and world_size() == 1:
        return False
    return isinstance(error, RuntimeError | ConnectionError) and bool(_LOST.search(str(error)))


@contextmanager
def lost_peers_in_one_line() -> Iterator[None]:
    """Where another process of this run ends, the reason is in what that one said.

    Raises:
        RunFailedError: another process is gone.
    """
    try:
        yield
    except RunFailedError:
        raise
    except Exception as error:
        if not is_lost_peer(error):
            raise
        raise RunFailedError(
            "another process of this run has ended, and so does this one: the lines of that one have the reason"
        ) from error


def launch_if_asked(device: str) -> None:
    """Join the process group that torchrun announces in the environment; nothing where there is none.

    A process of torchrun ends with it, however it ends: killed, it could not stop its processes itself.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        return
    if "TORCHELASTIC_RUN_ID" in os.environ:
        end_with_parent()
    on_gpu = device.startswith("cuda")
    if on_gpu:  # nccl sends from the current device, which is the first one unless somebody says so
        index = torch.device(device).index
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) if index is None else index)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
