"""What a run trains: one interface for methods that are stepped and methods that are fitted.

`build_learner` chooses by the base of the method's class; nothing else in hashbench.engine asks which kind a method is.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from mmengine.model import BaseModel
from torch import Tensor, nn

from hashbench.catalog import Catalog, ProtocolEntry
from hashbench.catalog.request import RunSpec
from hashbench.data import DataTable
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.crash import in_a_line, place_in
from hashbench.engine.feed import Feed
from hashbench.engine.reporter import Reporter
from hashbench.errors import UserError
from hashbench.models import DeepMethod

if TYPE_CHECKING:
    from hashbench.engine.experiment import Experiment


class Encodes(Protocol):
    """A network or a hash function."""

    def encode(self, inputs: Tensor) -> Tensor:
        """(b, ...) inputs -> (b, K) outputs whose signs are the bits."""


@dataclass(frozen=True)
class Given:
    """What a learner is built from.

    Attributes:
        catalog: in which the names of the request are looked up.
        backbone: on the device; the identity where features are frozen.
        table: the data set.
        num_train: N, number of training samples.
        channels_last: keep images and convolution weights in channels-last layout.
    """

    spec: RunSpec
    catalog: Catalog
    method_class: type
    backbone: nn.Module
    table: DataTable
    num_train: int
    device: str
    channels_last: bool
    reporter: Reporter


class Learner(ABC):
    """A method with all that training it takes. `model` is what the Runner validates and tests.

    Attributes:
        model: has `encode(inputs)` and `ranking`, "hamming" or "cosine".
        method: the method.
    """

    resumable: ClassVar[bool]
    """Whether there is a state between begin and end from which training goes on."""

    model: BaseModel
    method: Any

    @staticmethod
    @abstractmethod
    def backbone_name(settings: ProtocolEntry, table: DataTable) -> str:
        """What the leaderboard calls the inputs of the code layer or the hash function."""

    @staticmethod
    @abstractmethod
    def train_cfg(settings: ProtocolEntry) -> dict[str, Any]:
        """mmengine's config of the training loop."""

    @abstractmethod
    def begin(self, feed: Feed, rows: np.ndarray) -> dict[str, Any]:
        """Make ready to train on some rows: mmengine's `train_dataloader`, `optim_wrapper` and `param_scheduler`.

        Raises:
            UserError: an optimizer or a schedule that does not exist or refuses its options.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of the training under way: tensors and plain values."""

    @abstractmethod
    def restore(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""

    @abstractmethod
    def save_best(self, store: CheckpointStore, epoch: int) -> None:
        """Keep what has been learned up to this epoch, the best so far; raises OSError where the disk is full."""

    @abstractmethod
    def load_best(self, store: CheckpointStore, epoch: int) -> None:
        """Go back to what `save_best` kept."""

    @abstractmethod
    def recall(self, experiment: Experiment, store: CheckpointStore, epoch: int, reporter: Reporter) -> None:
        """Learn, in a new process, what a finished run had learned when `epoch` was selected.

        Args:
            experiment: whose learner this is.
            store: the checkpoints of the finished run.

        Raises:
            UserError: what the run kept is missing, or does not fit the method as it is now.
        """

    @abstractmethod
    def traceable(self, features: Tensor) -> Encodes | None:
        """The encoder in a form that torch.export follows, None where there is none.

        Args:
            features: (n, ...) some inputs of the model.
        """


def build_learner(given: Given) -> Learner:
    """The learner for a method, by the base of its class.

    Raises:
        UserError: neither a DeepMethod nor a ShallowMethod, or a constructor that refuses its arguments.
    """
    if issubclass(given.method_class, DeepMethod):
        from hashbench.engine.deep import DeepLearner

        return DeepLearner(given)
    from hashbench.engine.shallow import ShallowLearner  # not at the top: it brings scikit-learn, whose import is long

    return ShallowLearner(given)


def not_built(spec: RunSpec, cls: type, error: BaseException) -> UserError:
    """A constructor's own words where they are meant for people; kind and place of any other error."""
    words = str(error) if isinstance(error, TypeError | ValueError) else ""
    place = place_in(sys.modules[cls.__module__].__file__, error).rstrip("; ")
    return UserError(f"method {spec.method}: {words or f'{in_a_line(error)} ({place})'}")
