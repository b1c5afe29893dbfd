"""The training loops an mmengine Runner is given: deep training and closed-form fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.runner import BaseLoop

from hashbench.engine.distributed import rank
from hashbench.engine.encoding import NotFiniteError
from hashbench.engine.epoch import Batch, Training
from hashbench.engine.mmengine_internals import EpochLoop
from hashbench.engine.model import Terms
from hashbench.engine.sharing import failing_together, from_first
from hashbench.errors import RunFailedError
from hashbench.registry import LOOPS


@LOOPS.register_module()
class DeepTrainLoop(EpochLoop):
    """Epoch training with a method's hooks, validation at an interval and a checkpoint after each epoch.

    mmengine's hooks are called where mmengine calls them, with the terms of the loss as `outputs`.

    Args:
        runner: a `HashRunner`, whose learner's `training` has the method and its optimizer. (Not an argument: mmengine
            copies those deeply, and the method would watch the copy of a network that nobody trains.)
        dataloader: the training `BatchLoader`.
        max_epochs, val_interval: as in mmengine.
    """

    def __init__(self, runner: Any, dataloader: Any, max_epochs: int, val_interval: int) -> None:
        super().__init__(runner, dataloader, max_epochs=max_epochs, val_interval=val_interval)
        self.training: Training = runner.learner.training

    def run(self) -> torch.nn.Module:
        """Train to the last epoch, or until patience is spent."""
        self.runner.call_hook("before_train")
        self._before = self.runner.hooks_at("before_train_iter")
        self._after = self.runner.hooks_at("after_train_iter")
        if self.epoch == 0:
            self.training.begin()
        self.stop_training = self.runner.patience_spent()
        while self.epoch < self.max_epochs and not self.stop_training:
            self.run_epoch()
            if self.epoch % self.val_interval == 0 or self.epoch == self.max_epochs:
                self._validate()
            self.runner.save_state()
        self.runner.call_hook("after_train")
        return self.runner.model

    def _validate(self) -> None:
        """The last step of an epoch may be the one that diverges; no loss is computed after it."""
        try:
            self.runner.val_loop.run()
        except NotFiniteError as error:
            raise self._diverged("the outputs are not finite after", self.epoch) from error

    def _diverged(self, what: str, epoch: int) -> RunFailedError:
        rate = self.runner.experiment.spec.optimizer["lr"]
        return RunFailedError(f"{what} epoch {epoch}: lower optimizer.lr (now {rate:g})")

    def run_epoch(self) -> None:
        """One pass over the training samples, then the method's own updates.

        Raises:
            RunFailedError: the loss is no finite number any more.
        """
        runner = self.runner
        runner.call_hook("before_train_epoch")
        record = self.training.epoch(self.epoch, self._before_step, self._after_step)
        if not np.isfinite(record["loss"]):
            raise self._diverged(f"the loss is {record['loss']} in", record["epoch"])
        if not runner.state.history:
            runner.state.first_loss = float(self.training.first_loss)
        runner.state.history.append(record)
        runner.state.train_seconds += record["seconds"]
        runner.call_hook("after_train_epoch")
        self.set_progress(self.epoch + 1, self.iter)

    def _before_step(self, position: int, data: Batch) -> None:
        for call in self._before:
            call(self.runner, batch_idx=position, data_batch=data)

    def _after_step(self, position: int, data: Batch, terms: Terms) -> None:
        for call in self._after:
            call(self.runner, batch_idx=position, data_batch=data, outputs=terms)
        self.set_progress(self.epoch, self.iter + 1)


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
                seconds = self.runner.learner.fit(self.dataloader)
        learned = vars(self.runner.learner.method)
        learned.update(from_first(learned))
        self.epoch = self.iter = 1
        self.runner.state.history.append({"epoch": 1, "seconds": seconds})
        self.runner.state.train_seconds += seconds
        self.runner.call_hook("after_train_epoch")
        self.runner.val_loop.run()
        self.runner.call_hook("after_train")
        return self.runner.model
