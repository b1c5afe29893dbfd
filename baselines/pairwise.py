"""What the pairwise methods share: the likelihood of a pair, means over chosen pairs, smooth absolute value, signs."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from hashbench.models.deep import require


def logit_scale(method: str, bits: int, max_logit: float, scale: float | None, name: str = "scale") -> float:
    """Factor on <u, v> whose largest value, of equal codes in {-1, +1}^K, is `max_logit` at every length K.

    Args:
        method: name for errors.
        bits: K.
        max_logit: > 0.
        scale: the factor itself, > 0, as papers give it; None: max_logit / K.
        name: what the method calls `scale`.

    Raises:
        UserError: either is not positive.
    """
    require(max_logit > 0, f"{method}: max_logit = {max_logit} must be positive")
    require(scale is None or scale > 0, f"{method}: {name} = {scale} must be positive, or null for max_logit / bits")
    return max_logit / bits if scale is None else float(scale)


def pair_nll(theta: Tensor, similarity: Tensor) -> Tensor:
    """-log p(s | theta) = log(1 + e^theta) - s theta for p(1 | theta) = sigmoid(theta); finite for every finite theta.

    Args:
        theta: logits of any shape.
        similarity: 1 or 0, of the same shape.
    """
    return softplus(theta) - similarity * theta


def distinct_pairs(codes: Tensor) -> Tensor:
    """(b, b) in the dtype of `codes` (b, K): 1 for pairs of two samples, 0 on the diagonal.

    A sample paired with itself says nothing about similarity, and in a batch it would weigh 1/b instead of 1/N.
    """
    return 1 - torch.eye(len(codes), dtype=codes.dtype, device=codes.device)


def mean_over(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of `values` where `weights` is 1 (0 elsewhere); over nothing it is 0 with a gradient of 0."""
    return (values * weights).sum() / weights.sum().clamp(min=1)


def signs(codes: Tensor) -> Tensor:
    """sgn with sgn(0) = +1, as everywhere in the harness; a constant for the gradient."""
    return torch.where(codes.detach() >= 0, 1.0, -1.0).to(codes.dtype)


def sign_error(codes: Tensor) -> Tensor:
    """Mean over samples and bits of (sgn(u) - u)^2; (b, K) -> scalar."""
    return (codes - signs(codes)).square().mean()


def log_cosh(values: Tensor) -> Tensor:
    """log cosh(x) = |x| + log(1 + e^(-2|x|)) - log 2, which does not overflow where cosh does."""
    size = values.abs()
    return size + torch.log1p(torch.exp(-2 * size)) - math.log(2)
