"""The training loops an mmengine Runner is given: deep training and closed-form fit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, EpochBasedTrainLoop
from torch import Tensor

from hashbench.data.seeding import derive_seed, generator
from hashbench.engine.context import TrainingView
from hashbench.engine.distributed import rank
from hashbench.engine.sharing import failing_together, from_first
from hashbench.errors import RunFailedError


@LOOPS.register_module()
class DeepTrainLoop(EpochBasedTrainLoop):
    """Epoch training with a method's hooks, validation at an interval and a checkpoint after each epoch.

    All random numbers of an epoch are functions of (seed, epoch), so a resumed run repeats an uninterrupted one.

    Args:
        runner: a `HashRunner`, whose `view` is what the method is shown of the training set. (Not an argument: mmengine
            deep-copies those, and the method would watch the copy of a network that nobody trains.)
        dataloader: the training `BatchLoader`.
        seed: the run's seed.
        max_epochs, val_interval: as in mmengine.
    """

    def __init__(self, runner: Any, dataloader: Any, seed: int, max_epochs: int, val_interval: int) -> None:
        super().__init__(runner, dataloader, max_epochs=max_epochs, val_interval=val_interval)
        self.view: TrainingView = runner.view
        self.seed = seed
        self.method = runner.model.network.method

    def run(self) -> torch.nn.Module:
        """Train to the last epoch, or until patience is spent."""
        self.runner.call_hook("before_train")
        if self._epoch == 0:
            self._seed_epoch("begin")
            self.method.begin_fit(self.view)
        self.stop_training = self.runner.patience_spent()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            if self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs:
                self.runner.val_loop.run()
            self.runner.save_state()
        self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """One pass over the training samples, then the method's own updates."""
        self._seed_epoch(self._epoch)
        self.dataloader.set_epoch(self._epoch)
        self.view.epoch, self.view.step = self._epoch, self._iter
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        self.method.begin_epoch(self.view)
        started = time.perf_counter()
        sums: dict[str, Tensor] = {}
        for number, data in enumerate(self.dataloader):
            outputs = self.runner.model.train_step(data, optim_wrapper=self.runner.optim_wrapper)
            for name, value in outputs["terms"].items():
                sums[name] = sums[name] + value if name in sums else value.clone()
            self._iter += 1
            self.view.step = self._iter
            self.method.after_step(self.view, outputs["batch"])
            self.runner.call_hook("after_train_iter", batch_idx=number, data_batch=data, outputs=outputs)
        self._epoch += 1
        self.view.epoch = self._epoch
        self.method.end_epoch(self.view)
        terms = {name: float(value) / len(self.dataloader) for name, value in sums.items()}
        record = {
            "epoch": self._epoch,
            "loss": sum(terms.values()),
            **terms,
            "lr": self.runner.optim_wrapper.optimizer.param_groups[-1]["lr"],
            **self.method.diagnostics(),
            "seconds": time.perf_counter() - started,
        }
        if not np.isfinite(record["loss"]):
            raise RunFailedError(
                f"the loss is {record['loss']} in epoch {self._epoch}: lower optimizer.lr (now {record['lr']:g})"
            )
        self.runner.state.history.append(record)
        self.runner.state.train_seconds += record["seconds"]
        self.runner.call_hook("after_train_epoch")

    def _seed_epoch(self, epoch: int | str) -> None:
        seed = derive_seed(self.seed, "train", epoch)
        if torch.device(self.runner.experiment.device).type == "cpu":
            # The same numbers as by torch.manual_seed, which formats a stack trace for each kind of absent device.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)
        self.view.generator = generator(self.seed, "method", epoch)


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
