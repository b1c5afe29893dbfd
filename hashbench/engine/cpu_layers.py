"""Layers of convolutional networks that train faster on a CPU, with results equal but for rounding.

torch's own are slow in three places there (channels-last, float32): the backward pass of depthwise convolution with
strides, of kernels of 5 x 5 and of small maps, which takes 5 to 20 times the arithmetic; 1 x 1 convolution, which is a
product of matrices; and batch norm followed by ReLU, as timm's networks have it, in seven passes over memory where five
do. A layer keeps its parameters, names and state. In evaluation mode, and for any input that the fast way is not made
for, it is torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import torch
from timm.layers import BatchNormAct2d
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hashbench.engine import cpu_kernels as kernels

_PARTS = 16
"""In which the gradient of a depthwise kernel is summed; more threads than that are idle."""
_FEW_POSITIONS = 16
"""Of a feature map. Up to so many, torch's depthwise convolution is slow; from so many on, its batch norm is."""


def with_cpu_layers(module: nn.Module) -> nn.Module:
    """Make the layers inside `module` fast, in place, where there is a faster way."""
    for layer in module.modules():
        if type(layer) in (nn.Conv2d, Conv2dSame) and layer.bias is None and layer.dilation == (1, 1):
            if layer.groups == layer.in_channels == layer.out_channels and _is_square(layer):
                layer.__class__ = DepthwiseSame if type(layer) is Conv2dSame else Depthwise
            elif _is_pointwise(layer):
                layer.__class__ = Pointwise
        elif type(layer) is BatchNormAct2d and _is_plain(layer):
            layer.__class__ = NormReLU
    return module


def _is_square(layer: nn.Conv2d) -> bool:
    return len({*layer.kernel_size}) == len({*layer.stride}) == 1 and layer.padding_mode == "zeros"


def _is_pointwise(layer: nn.Conv2d) -> bool:
    ones = layer.kernel_size == layer.stride == (1, 1) and layer.padding == (0, 0)
    return type(layer) is nn.Conv2d and ones and layer.groups == 1


def _is_plain(layer: BatchNormAct2d) -> bool:
    """A ReLU or ReLU6 follows at once, and all that a batch norm may have is there."""
    whole = layer.affine and layer.track_running_stats and layer.momentum is not None
    return whole and type(layer.drop) is nn.Identity and type(layer.act) in (nn.ReLU, nn.ReLU6)


def _is_fast(layer: nn.Module, x: Tensor) -> bool:
    """Whether this is a step of training for which the fast way is made."""
    return (
        layer.training
        and torch.is_grad_enabled()
        and x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.is_autocast_enabled("cpu")
    )


class Pointwise(nn.Conv2d):
    """1 x 1 convolution as a product of matrices."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        if not _is_fast(self, x):
            return super().forward(x)
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1)).permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """Depthwise convolution with a backward pass of its own where torch's is slow."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H', W')."""
        if not _is_slow_in_torch(self, x):
            return super().forward(x)
        top, left = (int(side) for side in self.padding)
        return _DepthwiseConvolution.apply(x, self.weight, self.stride[0], (left, left, top, top))


class DepthwiseSame(Conv2dSame):
    """The same with TensorFlow's padding, whose odd row and column come last."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, ceil(H / stride), ceil(W / stride))."""
        if not _is_slow_in_torch(self, x):
            return super().forward(x)
        size, stride = self.kernel_size[0], self.stride[0]
        sides: list[int] = []
        for length in (x.shape[3], x.shape[2]):
            zeros = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
            sides += [zeros // 2, zeros - zeros // 2]
        return _DepthwiseConvolution.apply(x, self.weight, stride, tuple(sides))


def _is_slow_in_torch(layer: nn.Conv2d, x: Tensor) -> bool:
    slow = layer.kernel_size[0] > 3 or layer.stride[0] > 1 or x.shape[2] * x.shape[3] <= _FEW_POSITIONS
    return slow and not isinstance(layer.padding, str) and _is_fast(layer, x)


class NormReLU(BatchNormAct2d):
    """Batch norm and ReLU or ReLU6 in one."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        if not _is_fast(self, x) or x.shape[2] * x.shape[3] < _FEW_POSITIONS:
            return super().forward(x)
        self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        high = 6.0 if type(self.act) is nn.ReLU6 else math.inf
        running = (self.running_mean, self.running_var, self.momentum)
        return _NormReLU.apply(x, self.weight, self.bias, self.eps, high, running)


def _run(kernel: Callable[..., None], *arrays: Any) -> None:
    """Run a kernel on as many threads as torch has.

    numba's threads may be OpenMP's, whose number is then changed for torch too, and with another number of threads
    torch adds in another order: both numbers are left as they were.
    """
    threads, compiled = torch.get_num_threads(), numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    try:
        kernel(*arrays)
    finally:
        numba.set_num_threads(compiled)
        torch.set_num_threads(threads)


def _rows(images: Tensor) -> np.ndarray:
    """(B, C, H, W) channels-last -> (B, H, W, C), the same memory."""
    return images.detach().permute(0, 2, 3, 1).numpy()


def _positions(images: Tensor) -> np.ndarray:
    """(B, C, H, W) channels-last -> (B, H * W, C), the same memory."""
    rows = _rows(images)
    return rows.reshape(len(rows), -1, rows.shape[-1])


class _DepthwiseConvolution(torch.autograd.Function):
    """`F.conv2d` of a padded input with a group for each channel; padding is (left, right, top, bottom)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int, int, int]
    ) -> Tensor:
        left, right, top, bottom = padding
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.top, ctx.left = stride, top, left
        if (left, top) == (right, bottom):
            return F.conv2d(x, weight, None, stride, (top, left), groups=x.shape[1])
        return F.conv2d(F.pad(x, padding), weight, None, stride, groups=x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        taps = np.ascontiguousarray(weight.detach()[:, 0].permute(1, 2, 0).numpy())
        x_grad = torch.empty_like(x, memory_format=torch.channels_last)
        parts = np.zeros((_PARTS, *taps.shape), taps.dtype)
        grad = grad.contiguous(memory_format=torch.channels_last)
        _run(
            kernels.depthwise_backward, _rows(x), _rows(grad), taps, ctx.stride, ctx.top, ctx.left, _rows(x_grad), parts
        )
        return x_grad, torch.from_numpy(parts.sum(0)).permute(2, 0, 1)[:, None], None, None


class _NormReLU(torch.autograd.Function):
    """clip((x - mean) / sqrt(var + eps) * weight + bias, 0, high), mean and variance of the batch.

    `running` is (mean, variance, momentum): what evaluation mode uses, moved on in place.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        high: float,
        running: tuple[Tensor, Tensor, float],
    ) -> Tensor:
        rows = _positions(x)
        kind, count = rows.dtype.type, rows.shape[0] * rows.shape[1]
        sums = np.zeros((len(rows), 2, rows.shape[2]), kind)
        _run(kernels.moments, rows, sums)
        offset, square = sums.sum(0, dtype=np.float64) / count
        mean = rows[0, 0] + offset
        variance = np.maximum(square - offset * offset, 0)
        _move(running[0], mean, running[2])
        _move(running[1], variance * (count / (count - 1)), running[2])
        inverse = 1 / np.sqrt(variance + eps)
        scale = weight.detach().numpy() * inverse
        shift = bias.detach().numpy() - mean * scale
        ctx.save_for_backward(x)
        ctx.affine = (mean.astype(kind), scale.astype(kind), shift.astype(kind), kind(0), kind(high))
        ctx.inverse = inverse
        out = torch.empty_like(x, memory_format=torch.channels_last)
        _run(kernels.scale_and_clip, rows, *ctx.affine[1:], _positions(out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        rows, grads = _positions(x), _positions(grad.contiguous(memory_format=torch.channels_last))
        kind, count = rows.dtype.type, rows.shape[0] * rows.shape[1]
        sums = np.zeros((len(rows), 2, rows.shape[2]), kind)
        _run(kernels.gradient_sums, rows, grads, *ctx.affine, sums)
        total, product = sums.sum(0, dtype=np.float64)
        constant, slope = total / count, product * ctx.inverse**2 / count
        out = torch.empty_like(x, memory_format=torch.channels_last)
        _run(
            kernels.input_gradient, rows, grads, *ctx.affine, constant.astype(kind), slope.astype(kind), _positions(out)
        )
        weight_grad, bias_grad = (product * ctx.inverse).astype(kind), total.astype(kind)
        return out, torch.from_numpy(weight_grad), torch.from_numpy(bias_grad), None, None, None


def _move(running: Tensor, value: np.ndarray, momentum: float) -> None:
    running.lerp_(torch.from_numpy(value).to(running.dtype), momentum)
