"""Deep methods: a network is stepped, its weights are saved after every epoch, and those of the best one tested."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hashbench.catalog import ProtocolEntry
from hashbench.data import DataTable
from hashbench.data.seeding import derive_seed
from hashbench.engine.checkpoint import UNREADABLE, CheckpointStore
from hashbench.engine.crash import ends_the_program
from hashbench.engine.distributed import with_global_batch_norm
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.freed_memory import keep_freed_memory
from hashbench.engine.learner import Given, Learner, not_built
from hashbench.engine.model import DeepModel
from hashbench.engine.optim import build_optimizer, build_schedule, resumable
from hashbench.engine.reporter import Reporter
from hashbench.engine.standardizing import learn
from hashbench.errors import UserError
from hashbench.models import HashNetwork
from hashbench.paths import is_file

if TYPE_CHECKING:
    from hashbench.engine.experiment import Experiment


class DeepLearner(Learner):
    """Trains a `DeepMethod` by gradient steps.

    Attributes:
        training: the training under way, from `begin` on.
    """

    resumable = True
    model: DeepModel
    training: Training

    def __init__(self, given: Given) -> None:
        spec = given.spec
        network = _network(given)
        with_global_batch_norm(network)
        if given.channels_last and given.device == "cpu" and not spec.compile:
            from hashbench.engine.cpu_layers import with_cpu_layers  # imports timm, which few runs need

            with_cpu_layers(network)
            keep_freed_memory()
        self.spec, self.catalog, self.device, self.method = spec, given.catalog, given.device, network.method
        model = DeepModel(network, given.table.num_classes, spec.settings.precision, spec.compile, given.channels_last)
        self.model = model.to(given.device)

    @staticmethod
    def backbone_name(settings: ProtocolEntry, table: DataTable) -> str:
        """The protocol's."""
        return settings.backbone

    @staticmethod
    def train_cfg(settings: ProtocolEntry) -> dict[str, Any]:
        """Epochs, with a validation at an interval."""
        return {
            "type": "hashbench.DeepTrainLoop",
            "max_epochs": settings.epochs,
            "val_interval": settings.validate_every,
        }

    def begin(self, feed: Feed, rows: np.ndarray) -> dict[str, Any]:
        """Optimizer, schedules and shuffled batches; mean and deviation of the features where they are standardised."""
        epochs = self.spec.settings.epochs
        learn(self.model.network.backbone, feed, rows)
        optimizer = build_optimizer(self.spec.optimizer, self.model.network, self.catalog)
        self.training = Training(self.model, optimizer, feed, rows, epochs=epochs, seed=self.spec.seed)
        self.schedules = build_schedule(self.spec.schedule, optimizer, epochs, len(self.training.loader), self.catalog)
        return {
            "train_dataloader": self.training.loader,
            "optim_wrapper": self.training.optim_wrapper,
            "param_scheduler": self.schedules or None,
        }

    def state(self) -> dict[str, Any]:
        """Weights, state of the optimizer and of the schedules."""
        return {
            "state_dict": self.model.state_dict(),
            "optimizer": self.training.optimizer.state_dict(),
            "schedulers": [schedule.state_dict() for schedule in self.schedules],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Weights, state of the optimizer and of the schedules."""
        self.model.load_state_dict(saved["state_dict"])
        optimizer = self.training.optimizer
        optimizer.load_state_dict(resumable(saved["optimizer"], optimizer))
        for schedule, state in zip(self.schedules, saved["schedulers"], strict=True):
            schedule.load_state_dict(state)

    def save_best(self, store: CheckpointStore, epoch: int) -> None:
        """The weights."""
        store.save_best(epoch, {name: value.detach().cpu() for name, value in self.model.state_dict().items()})

    def load_best(self, store: CheckpointStore, epoch: int) -> None:
        """The weights."""
        self.model.load_state_dict(store.load_best(epoch, self.device))

    def recall(self, experiment: Experiment, store: CheckpointStore, epoch: int, reporter: Reporter) -> None:
        """The weights of the selected epoch."""
        path = store.best_path(epoch)
        if not is_file(path):
            raise UserError(f"{path}: the weights of the selected epoch are missing: run it again with --overwrite")
        try:
            self.load_best(store, epoch)
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"{path}: not the weights of this run ({reason}): run it again with --overwrite") from error

    def traceable(self, features: Tensor) -> DeepModel:
        """The network itself."""
        return self.model


def _check_hidden(width: int, hidden: Sequence[int]) -> None:
    """Refuse shared layers that this machine cannot hold, before the kernel ends the program for it."""
    weights = sum(a * b for a, b in pairwise([width, *hidden]))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 4 * weights > memory:
        raise UserError(
            f"protocol field hidden: layers of {list(hidden)[:8]} units have {weights:,} weights, more than the memory "
            f"of this machine ({memory / 2**30:.0f} GiB) holds; use smaller layers"
        )


def _network(given: Given) -> HashNetwork:
    """Method, shared hidden layers and code layer, drawn from streams of their own."""
    spec, cls = given.spec, given.method_class
    _check_hidden(int(given.backbone.out_features), spec.settings.hidden)  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(spec.seed, "method"))
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                method = cls(
                    bits=spec.bits, num_classes=given.table.num_classes, num_train=given.num_train, **spec.hparams
                )
        except UserError:
            raise
        except BaseException as error:  # a plugin's constructor may fail in any way
            if ends_the_program(error):
                raise
            raise not_built(spec, cls, error) from error
        for words in dict.fromkeys(str(warning.message) for warning in said):  # each once, however often it is raised
            given.reporter.warning(f"method {spec.method}: {words}")
        torch.manual_seed(derive_seed(spec.seed, "weights"))
        return HashNetwork(given.backbone, method, spec.settings.hidden, spec.settings.frozen)
