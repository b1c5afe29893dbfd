"""What a training run knows about itself beside its weights: history, best epoch, patience. Plain values."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class TrainingState:
    """Grows during training, is saved with every checkpoint and restored on resume.

    Attributes:
        history: one object an epoch: epoch, loss and its terms, lr, seconds, the method's diagnostics, and the
            validation metrics (prefixed `val_`) where there was a validation.
        best_epoch: epoch (1-based) with the best validation metric so far, 0 before the first validation.
        best_value: that metric.
        stale: validations since the best.
        first_loss: of the first step, of the network as it begins; NaN where there is none.
        train_seconds: time spent in training epochs; `val_seconds`: in validations.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float = float("-inf")
    stale: int = 0
    first_loss: float = math.nan
    train_seconds: float = 0.0
    val_seconds: float = 0.0

    def observe(self, epoch: int, value: float, *, higher_is_better: bool = True) -> bool:
        """Take in a validation result; True where it is better than everything before. Equal or NaN is not better."""
        worth, best = (value, self.best_value) if higher_is_better else (-value, -self.best_value)
        if worth > (best if self.best_epoch else float("-inf")):
            self.best_epoch, self.best_value, self.stale = epoch, value, 0
            return True
        self.stale += 1
        return False

    def to_plain(self) -> dict[str, Any]:
        """A dict of plain values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> TrainingState:
        """The inverse of `to_plain`."""
        return cls(**values)
