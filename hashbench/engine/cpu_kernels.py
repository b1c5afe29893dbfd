"""Compiled kernels of training on CPUs: the backward pass of depthwise convolution, and batch norm with its ReLU.

Arrays are channels-last, so that the inner loops run over neighbouring channels, and of one float type each. Sums over
a batch are kept in parts that do not depend on the number of threads, so results do not either.
"""

from __future__ import annotations

import numba
import numpy as np

from hashbench.evaluation.jit import njit


@njit(parallel=True, contract=True)
def depthwise_backward(
    inputs: np.ndarray,
    grad: np.ndarray,
    weight: np.ndarray,
    stride: int,
    top: int,
    left: int,
    input_grad: np.ndarray,
    weight_grads: np.ndarray,
) -> None:
    """Both gradients of a depthwise convolution.

    Args:
        inputs: (B, H, W, C), not padded.
        grad: (B, H', W', C), of the loss by the output.
        weight: (k, k, C).
        stride: in both directions.
        top, left: rows and columns of zeros with which the inputs were padded before their first.
        input_grad: (B, H, W, C), written.
        weight_grads: (parts, k, k, C) of zeros, added to: each part is the gradient by a share of the batch.
    """
    batch, height, width, channels = inputs.shape
    out_height, out_width = grad.shape[1], grad.shape[2]
    size, parts = weight.shape[0], weight_grads.shape[0]
    for part in numba.prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            for y in range(height):
                for x in range(width):
                    for c in range(channels):
                        input_grad[b, y, x, c] = 0
            for out_y in range(out_height):
                for i in range(size):
                    y = out_y * stride + i - top
                    if y < 0 or y >= height:
                        continue
                    for j in range(size):
                        tap, tap_grad = weight[i, j], weight_grads[part, i, j]
                        for out_x in range(out_width):
                            x = out_x * stride + j - left
                            if x < 0 or x >= width:
                                continue
                            g, value, value_grad = grad[b, out_y, out_x], inputs[b, y, x], input_grad[b, y, x]
                            for c in range(channels):
                                value_grad[c] += g[c] * tap[c]
                                tap_grad[c] += g[c] * value[c]


@njit(parallel=True, contract=True)
def moments(inputs: np.ndarray, sums: np.ndarray) -> None:
    """Sums of x - x0 and (x - x0)^2 for each sample and channel; x0, the first row, takes out most of the mean.

    Args:
        inputs: (B, P, C), P the positions of an image.
        sums: (B, 2, C) of zeros, added to.
    """
    batch, positions, channels = inputs.shape
    for b in numba.prange(batch):
        first, total, squares = inputs[0, 0], sums[b, 0], sums[b, 1]
        for p in range(positions):
            row = inputs[b, p]
            for c in range(channels):
                offset = row[c] - first[c]
                total[c] += offset
                squares[c] += offset * offset


@njit(parallel=True, contract=True)
def scale_and_clip(
    inputs: np.ndarray, scale: np.ndarray, shift: np.ndarray, low: float, high: float, outputs: np.ndarray
) -> None:
    """outputs = clip(inputs * scale + shift, low, high), (B, P, C) by (C,); NaN stays NaN."""
    batch, positions, channels = inputs.shape
    for b in numba.prange(batch):
        for p in range(positions):
            row, out = inputs[b, p], outputs[b, p]
            for c in range(channels):
                z = row[c] * scale[c] + shift[c]
                out[c] = low if z < low else (high if z > high else z)


@njit(parallel=True, contract=True)
def gradient_sums(
    inputs: np.ndarray,
    grad: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    high: float,
    sums: np.ndarray,
) -> None:
    """Sums of g and g (x - mean) for each sample and channel, g the gradient where `scale_and_clip` did not clip.

    Args:
        inputs, grad: (B, P, C).
        mean, scale, shift: (C,).
        low: 0 of the type of the arrays.
        sums: (B, 2, C) of zeros, added to.
    """
    batch, positions, channels = inputs.shape
    for b in numba.prange(batch):
        total, products = sums[b, 0], sums[b, 1]
        for p in range(positions):
            row, row_grad = inputs[b, p], grad[b, p]
            for c in range(channels):
                z = row[c] * scale[c] + shift[c]
                g = low if (z <= low) | (z >= high) else row_grad[c]
                total[c] += g
                products[c] += g * (row[c] - mean[c])


@njit(parallel=True, contract=True)
def input_gradient(
    inputs: np.ndarray,
    grad: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    low: float,
    high: float,
    constant: np.ndarray,
    slope: np.ndarray,
    out: np.ndarray,
) -> None:
    """out = scale (g - constant - (x - mean) slope), arguments as of `gradient_sums`."""
    batch, positions, channels = inputs.shape
    for b in numba.prange(batch):
        for p in range(positions):
            row, row_grad, row_out = inputs[b, p], grad[b, p], out[b, p]
            for c in range(channels):
                z = row[c] * scale[c] + shift[c]
                g = low if (z <= low) | (z >= high) else row_grad[c]
                row_out[c] = scale[c] * (g - constant[c] - (row[c] - mean[c]) * slope[c])
