"""The mean of softplus over all triplets of a batch, without a tensor of all of them in memory or in the graph.

    mean over (q, p, n), p similar to q and not q itself, n not similar to q, of log(1 + e^(theta_qn - theta_qp + a))

Queries of equal labels share their positives and negatives, so a group of them is a block (queries, positives,
negatives) without gaps. A processor's cache holds a block while its value and its gradient are summed in one go.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

_ELEMENTS = 1 << 16
"""Triplets looked at at a time: 256 KB in float32."""


class _TripletMean(torch.autograd.Function):
    """The value and, computed along with it, the gradient with respect to theta."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, similar: Tensor, groups: Tensor, margin: float) -> Tensor:  # type: ignore[override]
        gradient = torch.zeros_like(theta)
        total, count = torch.zeros((), dtype=torch.float64), 0
        everyone = torch.arange(len(theta))
        for group in range(int(groups.max()) + 1):
            queries = everyone[groups == group]
            shared = similar[queries[0]]
            positives, negatives = everyone[shared], everyone[~shared]
            step = max(1, _ELEMENTS // max(1, len(positives) * len(negatives)))
            for rows in queries.split(step) if len(positives) and len(negatives) else ():
                near, far = theta[rows][:, positives], theta[rows][:, negatives] + margin
                itself = rows[:, None] == positives
                near[itself] = torch.inf  # e^-inf: a sample is no positive of its own
                terms = far[:, None, :] - near[:, :, None]
                slopes = terms.sigmoid()
                # softplus(t) = max(t, 0) - log max(sigmoid t, 1 - sigmoid t), a third of the time of softplus itself
                total += terms.relu_().sum() - torch.maximum(slopes, 1 - slopes).log_().sum()
                count += (itself.numel() - int(itself.sum())) * len(negatives)
                gradient[rows[:, None], positives] = -slopes.sum(2)
                gradient[rows[:, None], negatives] = slopes.sum(1)
        ctx.save_for_backward(gradient.div_(max(1, count)))
        return (total / max(1, count)).to(theta.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None, None]:
        return slopes[0] * ctx.saved_tensors[0], None, None, None


def triplet_mean(theta: Tensor, similarity: Tensor, labels: Tensor, margin: float) -> Tensor:
    """The mean over all triplets; 0 with a gradient of 0 where there is none.

    Args:
        theta: (b, b) float.
        similarity: (b, b), 1 where two samples share a label, else 0.
        labels: (b,) class ids or (b, C) multi-hot, whose equal rows have equal rows in `similarity`.
        margin: a.
    """
    similar = similarity > 0
    if theta.device.type == "cpu":
        groups = torch.unique(labels, dim=0, return_inverse=True)[1]
        return _TripletMean.apply(theta, similar, groups, margin)
    # elsewhere one large operation is quicker than many small ones
    positive = similar & ~torch.eye(len(theta), dtype=torch.bool, device=theta.device)
    query, partner = positive.nonzero(as_tuple=True)
    wanted = ~similar[query]
    terms = softplus(theta[query] - theta[query, partner][:, None] + margin)
    return (terms * wanted).sum() / wanted.sum().clamp(min=1)
