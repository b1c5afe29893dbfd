"""The last known codes of all training samples: partners for the samples of a batch beyond the batch itself."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hashbench.models import CodeBatch
from hashbench.models.batch import similarity


class Partners(NamedTuple):
    """What a batch is compared with.

    Attributes:
        codes: (N, K), without gradient.
        similar: (b, N) in the dtype of the codes, 1 where a sample of the batch shares a label with a partner.
        known: (N,) in the dtype of the codes, 1 for the rows that hold a code.
    """

    codes: Tensor
    similar: Tensor
    known: Tensor


class CodeBank(nn.Module):
    """Codes and labels by sample index, as buffers: they are in the checkpoint.

    Args:
        num_train: N.
        bits: K.
        num_classes: C.
    """

    codes: Tensor
    targets: Tensor
    known: Tensor

    def __init__(self, num_train: int, bits: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(num_train, bits))
        self.register_buffer("targets", torch.zeros(num_train, num_classes, dtype=torch.uint8))
        self.register_buffer("known", torch.zeros(num_train, dtype=torch.bool))

    def write(self, index: Tensor, codes: Tensor, targets: Tensor) -> None:
        """Keep (m, K) codes and (m, C) multi-hot targets of the samples with (m,) indices."""
        self.codes[index] = codes.detach().to(self.codes.dtype)
        self.targets[index] = targets.to(torch.uint8)
        self.known[index] = True

    def partners(self, batch: CodeBatch, codes: Tensor | None = None) -> Partners:
        """All rows, with those of the batch at their present values: its own codes, or the (b, K) `codes` given."""
        fresh = (batch.codes if codes is None else codes).detach()
        targets = self.targets.index_copy(0, batch.index, batch.targets.to(torch.uint8))
        return Partners(
            codes=self.codes.to(fresh.dtype).index_copy(0, batch.index, fresh),
            similar=similarity(batch.targets, targets).to(fresh.dtype),
            known=self.known.index_fill(0, batch.index, True).to(fresh.dtype),
        )
