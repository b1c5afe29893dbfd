"""The training loops an mmengine Runner is given: deep training and closed-form fit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop
from torch import Tensor

from hashbench.engine.distributed import rank
from hashbench.engine.epoch import Training
from hashbench.engine.sharing import failing_together, from_first
from hashbench.errors import RunFailedError


@LOOPS.register_module()
class DeepTrainLoop(EpochBasedTrainLoop):
    """Epoch training with a method's hooks, validation at an interval and a checkpoint after each epoch.

    Args:
        runner: a `HashRunner`, whose `training` has the method and its optimizer. (Not an argument: mmengine copies
            those deeply, and the method would watch the copy of a network that nobody trains.)
        dataloader: the training `BatchLoader`.
        max_epochs, val_interval: as in mmengine.
    """

    def __init__(self, runner: Any, dataloader: Any, max_epochs: int, val_interval: int) -> None:
        super().__init__(runner, dataloader, max_epochs=max_epochs, val_interval=val_interval)
        self.training: Training = runner.training

    def run(self) -> torch.nn.Module:
        """Train to the last epoch, or until patience is spent."""
        self.runner.call_hook("before_train")
        if self._epoch == 0:
            self.training.begin()
        self.stop_training = self.runner.patience_spent()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            if self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs:
                self.runner.val_loop.run()
            self.runner.save_state()
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """One pass over the training samples, then the method's own updates.

        Raises:
            RunFailedError: the loss is no finite number any more.
        """
        self.runner.call_hook("before_train_epoch")
        record = self.training.epoch(self._epoch, after_step=self._after_step)
        if not np.isfinite(record["loss"]):
            raise RunFailedError(
                f"the loss is {record['loss']} in epoch {record['epoch']}: lower optimizer.lr (now {record['lr']:g})"
            )
        self.runner.state.history.append(record)
        self.runner.state.train_seconds += record["seconds"]
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def _after_step(self, position: int, data: dict[str, Tensor], terms: dict[str, Tensor]) -> None:
        self.runner.call_hook("after_train_iter", batch_idx=position, data_batch=data, outputs=terms)
        self._iter += 1


@LOOPS.register_module()
class ShallowFitLoop(BaseLoop):
    """Fits a shallow method once on all training features.

    Of several processes the first fits, and the others are sent what it has learned: two fits may differ in the last
    digit, which can turn a singular vector or end an alternation elsewhere, and all encode with one hash function.

    Args:
        dataloader: the training loader, unshuffled.
    """

    def __init__(self, runner: Any, dataloader: Any) -> None:
        super().__init__(runner, dataloader)
        self.max_epochs = self.max_iters = 1
        self.epoch = self.iter = 0

    def run(self) -> torch.nn.Module:
        """Gather the features, fit, validate once."""
        self.runner.call_hook("before_train")
        seconds = 0.0
        with failing_together():
            if rank() == 0:
                seconds = self._fit()
        learned = vars(self.runner.model.method)
        learned.update(from_first(learned))
        self.epoch = self.iter = 1
        self.runner.state.history.append({"epoch": 1, "seconds": seconds})
        self.runner.state.train_seconds += seconds
        self.runner.call_hook("after_train_epoch")
        self.runner.val_loop.run()
        self.runner.call_hook("after_train")
        return self.runner.model

    def _fit(self) -> float:
        """Seconds that the fit took."""
        rows, labels = gather(self.dataloader)
        started = time.perf_counter()
        try:
            self.runner.model.method.fit(rows, labels)
        except ValueError as error:
            raise self.runner.refusal(error) from error
        return time.perf_counter() - started


def gather(dataloader: Any) -> tuple[np.ndarray, np.ndarray]:
    """What a shallow method is fitted on: (N, d) float64 rows, images flattened, and their labels."""
    rows, labels = [], []
    for data in dataloader:
        rows.append(data["inputs"].flatten(1).cpu().numpy())
        labels.append(data["labels"].cpu().numpy())
    return np.concatenate(rows).astype(np.float64), np.concatenate(labels)
