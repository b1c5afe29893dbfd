"""The similarity losses that DualHash may be built on: pairwise (S1), pointwise and triplet."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus


def pairwise(codes: Tensor, similarity: Tensor, alpha: float) -> Tensor:
    """Equation (S1): mean over all b x b pairs, i = j included, of log(1 + e^T) - s T with T_ij = alpha <u_i, u_j> / 2.

    Args:
        codes: (b, K) float.
        similarity: (b, b) of the same dtype, 1 where two samples share a label, else 0.
        alpha: scale of the inner product; the text has 1, the authors' code 0.1.
    """
    logits = (0.5 * alpha) * (codes @ codes.T)
    return (softplus(logits) - similarity * logits).mean()


def triplet(codes: Tensor, similarity: Tensor, alpha: float, margin: float) -> Tensor:
    """The triplet likelihood of DTSH over all triplets of the batch: mean of log(1 + exp(-(T_ip - T_in - margin))).

    T as in `pairwise`; p runs over the samples similar to i other than i, n over those not similar. A batch without a
    triplet gives 0, with a gradient of 0. Memory grows as b^3.

    Args:
        codes: (b, K) float.
        similarity: (b, b) of the same dtype.
        alpha: scale of the inner product.
        margin: how much nearer p must be than n, in units of T.
    """
    logits = (0.5 * alpha) * (codes @ codes.T)
    similar = similarity > 0
    positive = similar & ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    wanted = positive[:, :, None] & ~similar[:, None, :]
    terms = softplus(logits[:, None, :] - logits[:, :, None] + margin)
    return (terms * wanted).sum() / wanted.sum().clamp(min=1)


def pointwise(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of class scores that a linear classifier reads off the codes; binary per class for several labels.

    Args:
        scores: (b, C) float.
        labels: (b,) int64 class ids or (b, C) multi-hot.
    """
    if labels.ndim == 1:
        return cross_entropy(scores, labels)
    return binary_cross_entropy_with_logits(scores, labels.to(scores.dtype))
