"""What the steps of an epoch leave for its end: losses, and the outputs of every sample that was seen."""

from __future__ import annotations

import torch
from torch import Tensor


class EpochRecord:
    """Similarity losses of the steps, and the last outputs of each sample: 4 bytes per sample and bit.

    The memory is taken once, with the first outputs, and written anew in each epoch.

    Args:
        samples: N.

    Attributes:
        losses: 0-dim tensors.
        steps: how many steps were recorded.
    """

    def __init__(self, samples: int) -> None:
        self.losses: list[Tensor] = []
        self.steps = 0
        self._samples = samples
        self._outputs: Tensor | None = None
        self._seen: Tensor | None = None

    def clear(self) -> None:
        """Begin an epoch."""
        self.losses, self.steps = [], 0
        if self._seen is not None:
            self._seen.zero_()

    def add(self, index: Tensor, outputs: Tensor) -> None:
        """Keep the (b, K) outputs of a step, of the samples (b,) `index`."""
        outputs = outputs.detach().float()
        if self._outputs is None or self._seen is None:
            self._outputs = outputs.new_zeros((self._samples, outputs.shape[1]))
            self._seen = torch.zeros(self._samples, dtype=torch.bool, device=outputs.device)
        self._outputs.index_copy_(0, index, outputs)
        self._seen.index_fill_(0, index, True)
        self.steps += 1

    def outputs(self) -> tuple[Tensor | None, Tensor]:
        """(n,) samples seen, ascending, and their (n, K) outputs; None for the samples where all N were.

        The outputs of all samples are the record's own memory: good until the next step.
        """
        if self._outputs is None or self._seen is None:
            raise RuntimeError("no step was recorded")
        if self._seen.all():
            return None, self._outputs
        index = self._seen.nonzero()[:, 0]
        return index, self._outputs[index]
