"""HashNet: deep learning to hash by continuation (Cao, Long, Wang and Yu, ICCV 2017).

    u = tanh(beta z),   L = sum_ij w_ij [log(1 + e^(alpha <u_i, u_j>)) - alpha s_ij <u_i, u_j>]
    w_ij = c_ij |S| / |S_1| for similar pairs, |S| / |S_0| for the others,   c_ij = |y_i and y_j| / |y_i or y_j|

beta grows during training, so that tanh becomes the sign. S, S_1 and S_0 are all, similar and dissimilar pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.pairwise import distinct_pairs, logit_scale, mean_over, pair_nll


class HashNet(DeepMethod):
    """Weighted likelihood of the pairs, with continuation.

    Divided by |S|, the paper's loss over the pairs i != j of a batch is the mean over similar plus the mean over
    dissimilar pairs; a kind of which the batch has none adds 0. For dissimilar pairs c = 1, as in the authors' Caffe
    code (read literally, c = 0 would drop them).

    Continuation: beta_t = (1 + gamma * m * floor(t / m)) ** power, t the steps finished, m = `step_size`. With
    the authors' constants it is 1, sqrt(2) after 200 steps, and sqrt(51) after 10,000, where their training ends. Steps
    are counted as they are, as theirs, so a shorter run ends at a smaller beta; stretched to 10,000 it would end at
    theirs, which is worse (30 epochs of 40 steps of `cifar10-dualhash-frozen`: 0.754 for 0.766 on validation).

    Args:
        max_logit: the largest alpha <u_i, u_j>, the same at every length; 10 is alpha = 10 / K, as in the authors'
            PyTorch code (thuml/HashNet).
        alpha: scale of the inner product itself; None: max_logit / K.
        positive_weight: None: the paper's weights; a number w gives the fixed weighting of the authors' PyTorch code
            (its `class_num`): (w * sum over similar + sum over dissimilar) / (w |S_1| + |S_0|).
        step_size, gamma, power: of the continuation, from the authors' code.
        iterations: length to which the run's steps are stretched for beta, such as 10_000; None: count them as they
            are.
    """

    beta: Tensor

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        max_logit: float = 10.0,
        alpha: float | None = None,
        positive_weight: float | None = None,
        step_size: int = 200,
        gamma: float = 0.005,
        power: float = 0.5,
        iterations: int | None = None,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        self.alpha = logit_scale("hashnet", bits, max_logit, alpha, "alpha")
        require(step_size >= 1, f"hashnet: step_size = {step_size} must be at least 1")
        require(gamma >= 0, f"hashnet: gamma = {gamma} must not be negative")
        require(iterations is None or iterations >= 1, f"hashnet: iterations = {iterations} must be at least 1 or null")
        require(
            positive_weight is None or positive_weight > 0,
            f"hashnet: positive_weight = {positive_weight} must be positive",
        )
        self.positive_weight = positive_weight
        self.step_size = step_size
        self.gamma = gamma
        self.power = power
        self.iterations = iterations
        self.register_buffer("beta", torch.ones(()))

    def activation(self, logits: Tensor) -> Tensor:
        return torch.tanh(self.beta.to(logits.dtype) * logits)

    def beta_at(self, step: int, total: int) -> float:
        """beta after `step` of `total` optimizer steps."""
        reached = step if self.iterations is None else step * self.iterations // total
        return (1 + self.gamma * self.step_size * (reached // self.step_size)) ** self.power

    def _continue(self, fit: FitContext) -> None:
        self.beta.fill_(self.beta_at(fit.step, fit.epochs * fit.steps_per_epoch))

    def begin_epoch(self, fit: FitContext) -> None:
        self._continue(fit)

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        self._continue(fit)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        pairs = distinct_pairs(batch.codes)
        similar, dissimilar = pairs * batch.similarity, pairs * (1 - batch.similarity)
        shared = batch.targets @ batch.targets.T
        sizes = batch.targets.sum(1)
        overlap = shared / (sizes[:, None] + sizes[None, :] - shared).clamp(min=1)
        terms = pair_nll(self.alpha * (batch.codes @ batch.codes.T), batch.similarity)
        weighted = terms * torch.where(similar > 0, overlap, 1.0)
        if self.positive_weight is None:
            return {"similar": mean_over(weighted, similar), "dissimilar": mean_over(weighted, dissimilar)}
        total = (self.positive_weight * similar.sum() + dissimilar.sum()).clamp(min=1)
        return {
            "similar": self.positive_weight * (weighted * similar).sum() / total,
            "dissimilar": (weighted * dissimilar).sum() / total,
        }

    def diagnostics(self) -> dict[str, float]:
        return {"beta": float(self.beta)}
