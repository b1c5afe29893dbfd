"""class_codes: a classifier whose answer picks a fixed codeword (after Sablayrolles et al., ICASSP 2017).

    p = softmax(scores),   codes = sum_j p_j c_j  (soft)   or   c_argmax p  (hard),   L = cross-entropy(scores, y)

"How should we evaluate supervised hashing?" shows that where queries and database are of the classes seen in training,
encoding the output of a classifier beats hashing losses. A table of supervised methods needs this row to be read.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from hashbench.errors import UserError
from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.csq import hash_centers

MODES = ("soft", "hard")


class ClassCodes(DeepMethod):
    """Cross-entropy on C scores; codewords are the hash centres of CSQ (`hash_centers`), and nothing else is learned.

    The code layer gives class scores, so `logits` are (b, C), and the activation maps them to the (b, K) codes. The
    bits of the soft form are sign random projections of the probabilities, which keep the confusions between classes.

    Several labels: one logistic classifier a class, and p_j = sigmoid(score_j) / sum over classes; soft form only.

    Args:
        mode: `soft` or `hard`.
    """

    codewords: Tensor
    several: Tensor

    def __init__(self, *, bits: int, num_classes: int, num_train: int, mode: str = "soft") -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(mode in MODES, f"class_codes: mode = {mode!r} must be one of {', '.join(MODES)}")
        self.mode = mode
        self.register_buffer("codewords", torch.empty(num_classes, bits))
        self.register_buffer("several", torch.zeros((), dtype=torch.bool))
        self.codewords.copy_(hash_centers(num_classes, bits, torch.Generator().manual_seed(0)))

    def begin_fit(self, fit: FitContext) -> None:
        if fit.labels.ndim == 2 and self.mode == "hard":
            raise UserError(
                "class_codes: mode hard picks one class per sample, and here samples have several: set mode=soft"
            )
        self.codewords.copy_(hash_centers(self.num_classes, self.bits, fit.generator))
        self.several.fill_(fit.labels.ndim == 2)

    def code_layer(self, in_features: int) -> nn.Module:
        """One linear layer to the C class scores."""
        return nn.Linear(in_features, self.num_classes)

    def activation(self, logits: Tensor) -> Tensor:
        """(b, C) class scores -> (b, K) codes in [-1, 1]."""
        if self.mode == "hard":
            weights = one_hot(logits.argmax(1), self.num_classes).to(logits.dtype)
        else:
            each = logits.sigmoid()
            weights = torch.where(self.several, each / each.sum(1, keepdim=True).clamp(min=1e-12), logits.softmax(1))
        return weights @ self.codewords.to(logits.dtype)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        if batch.multilabel:
            return {"classification": binary_cross_entropy_with_logits(batch.logits, batch.targets)}
        return {"classification": cross_entropy(batch.logits, batch.labels)}
