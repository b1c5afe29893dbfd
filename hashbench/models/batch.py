"""What a loss sees: the codes of the *global* batch with their labels and sample indices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass
class CodeBatch:
    """One batch, gathered over all processes.

    Attributes:
        codes: (b, K) float, `activation(logits)`, what is thresholded at 0 into bits.
        logits: (b, K) float, output of the code layer; of another width where a method's activation maps them to codes.
        labels: (b,) int64 class ids, or (b, C) multi-hot of any dtype.
        index: (b,) int64, row of each sample in the training set, 0 .. num_train - 1.
        num_classes: C.
        inputs: what the network was given, augmented: (b, C, H, W) or (b, d).
        replay: whether this is a second pass over the batch, at other parameters, that an optimizer such as StoRM has
            asked for: what a loss counts or records belongs to the first pass.
    """

    codes: Tensor
    logits: Tensor
    labels: Tensor
    index: Tensor
    num_classes: int
    inputs: Tensor | None = None
    replay: bool = False

    @property
    def multilabel(self) -> bool:
        """Whether `labels` is a multi-hot matrix."""
        return self.labels.ndim == 2

    @cached_property
    def targets(self) -> Tensor:
        """(b, C) multi-hot in the dtype of the codes."""
        if self.multilabel:
            return self.labels.to(self.codes.dtype)
        return torch.nn.functional.one_hot(self.labels, self.num_classes).to(self.codes.dtype)

    @cached_property
    def similarity(self) -> Tensor:
        """(b, b) in the dtype of the codes: 1 where two samples share a label, else 0."""
        return similarity(self.labels, self.labels).to(self.codes.dtype)


def similarity(a: Tensor, b: Tensor) -> Tensor:
    """Relevance between two sets of labels: (n, m) bool, equality of ids or a shared label.

    Args:
        a, b: (n,) and (m,) class ids, or (n, C) and (m, C) multi-hot.
    """
    if a.ndim == 1:
        return a[:, None] == b[None, :]
    return (a.float() @ b.float().T) > 0
