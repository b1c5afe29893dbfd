"""One epoch of a deep method, written once: the loop of a run, the conformance checks and tests all train with it.

All random numbers of an epoch are functions of (seed, epoch), so a resumed run repeats an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor

from hashbench.data.seeding import derive_seed, generator
from hashbench.engine.context import TrainingView
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel, Terms
from hashbench.models import CodeBatch
from hashbench.results.record import VALIDATION

Batch = dict[str, Tensor]
"""What a `BatchLoader` gives: inputs, labels and index."""


def sections(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A record of the history by what its values are of: `train` (loss, terms, lr, seconds), `method` (diagnostics) and
    `val` (metrics of the validation, without their prefix).

    >>> sections({"epoch": 1, "loss": 3.0, "pull": 3.0, "lr": 0.1, "gap": 0.2, "seconds": 1.0, "val_map": 0.5})
    {'train': {'loss': 3.0, 'pull': 3.0, 'lr': 0.1, 'seconds': 1.0}, 'method': {'gap': 0.2}, 'val': {'map': 0.5}}
    """
    parts: dict[str, dict[str, Any]] = {"train": {}, "method": {}, "val": {}}
    after_rate = False  # the terms of the loss stand before the rate, the diagnostics after it
    for name, value in record.items():
        if name.startswith(VALIDATION):
            parts["val"][name.removeprefix(VALIDATION)] = value
        elif name != "epoch":
            parts["method" if after_rate and name != "seconds" else "train"][name] = value
        after_rate = after_rate or name == "lr"
    return parts


class Training:
    """A deep method in training. Call `begin` for a new run, then `epoch` for each epoch.

    Args:
        model: what is trained.
        optimizer: what steps it.
        feed: where its batches come from.
        rows: (N,) the training rows of the table.
        epochs: epochs planned.
        seed: of every random stream.

    Attributes:
        loader: the batches of an epoch.
        view: what the method is shown of the training set.
        first_loss: of the first step of the last epoch.
    """

    def __init__(
        self,
        model: DeepModel,
        optimizer: torch.optim.Optimizer,
        feed: Feed,
        rows: np.ndarray,
        *,
        epochs: int,
        seed: int,
    ) -> None:
        self.model, self.method, self.seed = model, model.network.method, seed
        self.optim_wrapper = OptimWrapper(optimizer)
        self.first_loss: Tensor | float = math.nan
        self.loader = feed.training(rows)
        start = generator(seed, "method", "begin")
        self.view = TrainingView(model, optimizer, self.loader, feed.ordered(rows), epochs, start)

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What steps the network."""
        return self.optim_wrapper.optimizer

    def begin(self) -> None:
        """The start of a new run; not of a resumed one, whose method has its state from the checkpoint."""
        self._seed("begin")
        self.method.begin_fit(self.view)

    def begin_epoch(self, number: int) -> None:
        """What comes before the first step of an epoch; `number` epochs count as done before it."""
        self._seed(number)
        self.loader.set_epoch(number)
        self.view.epoch, self.view.step = number, number * len(self.loader)
        self.model.train()
        self.method.begin_epoch(self.view)

    def step(self, data: Batch) -> tuple[CodeBatch, Terms]:
        """One optimizer step on a batch of the loader: the batch that the loss saw and the loss's terms, detached."""
        batch, terms = self.model.train_step(data, self.optim_wrapper)
        self.view.step += 1
        self.method.after_step(self.view, batch)
        return batch, terms

    def end_epoch(self) -> None:
        """What comes after the last step of an epoch."""
        self.view.epoch += 1
        self.method.end_epoch(self.view)

    def epoch(
        self,
        number: int,
        before_step: Callable[[int, Batch], None] = lambda *_: None,
        after_step: Callable[[int, Batch, Terms], None] = lambda *_: None,
    ) -> dict[str, Any]:
        """One pass over the training samples.

        Args:
            number: epochs done before.
            before_step, after_step: called around each step with its number in the epoch, its batch and, afterwards,
                the terms of its loss.

        Returns:
            The epoch's record in the history: `epoch` (from 1), `loss` and its terms as means over the steps, `lr` of
            the last parameter group, the method's diagnostics, `seconds`.
        """
        self.begin_epoch(number)
        started = time.perf_counter()
        sums: Terms = {}
        for position, data in enumerate(self.loader):
            before_step(position, data)
            _, terms = self.step(data)
            for name, value in terms.items():
                sums[name] = sums[name] + value if name in sums else value.clone()
            if position == 0:
                self.first_loss = sum(terms.values())
            after_step(position, data, terms)
        self.end_epoch()
        means = {name: float(value) / len(self.loader) for name, value in sums.items()}
        return {
            "epoch": number + 1,
            "loss": sum(means.values()),
            **means,
            "lr": self.optimizer.param_groups[-1]["lr"],
            **self.method.diagnostics(),
            "seconds": time.perf_counter() - started,
        }

    def _seed(self, epoch: int | str) -> None:
        seed = derive_seed(self.seed, "train", epoch)
        if self.loader.device.type == "cpu":
            # The same numbers as by torch.manual_seed, which formats a stack trace for each kind of absent device.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)
        self.view.generator = generator(self.seed, "method", epoch)
