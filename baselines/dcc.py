"""Discrete cyclic coordinate descent: codes that a linear classifier can read, one bit of all samples at a time.

With B in {-1, +1}^(N x K), classifier W (K, C), targets Y (N, C) and real codes U (N, K):

    W-step   W = argmin |Y - B W|^2 + ridge |W|^2 = (B'B + ridge I)^-1 B'Y
    B-step   min over B of |Y - B W|^2 + pull |B - U|^2:  b_k = sgn(p_k - B_{-k} W_{-k} w_k'),  P = Y W' + pull U

where b_k is the k-th column of B, w_k the k-th row of W and _{-k} leaves the k-th out. Each column is the exact
minimiser with the others fixed, so neither step increases the objective. Shen et al., Supervised Discrete Hashing (CVPR
2015), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor


def signs(values: Tensor) -> Tensor:
    """+1 where a value is >= 0, else -1, in its dtype."""
    return torch.where(values >= 0, 1.0, -1.0).to(values.dtype)


def classifier(codes: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """The W-step: (N, K) codes and (N, C) targets of one dtype -> W, (K, C). ridge > 0."""
    gram = codes.T @ codes
    gram.diagonal().add_(ridge)
    return torch.linalg.solve(gram, codes.T @ targets)


def descend(codes: Tensor, weights: Tensor, targets: Tensor, real: Tensor, pull: float, sweeps: int = 1) -> Tensor:
    """The B-step: up to `sweeps` passes over the bits, fewer once a pass changes nothing.

    Args:
        codes: B to start from, (N, K); left as it is. Zeros are allowed: each column then ignores those not yet set.
        weights: W, (K, C).
        targets: Y, (N, C).
        real: U, (N, K).
        pull: weight of |B - U|^2 beside the classifier's error.

    Returns:
        B, (N, K) of -1 and +1.
    """
    codes = codes.clone()
    gram = weights @ weights.T
    linear = targets @ weights.T + pull * real
    for _ in range(sweeps):
        before = codes.clone()
        for k in range(codes.shape[1]):
            others = codes @ gram[:, k] - codes[:, k] * gram[k, k]
            codes[:, k] = signs(linear[:, k] - others)
        if torch.equal(codes, before):
            break
    return codes
