"""Validation and test as an mmengine Runner is given them: encode queries and database, then evaluate."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from mmengine.runner import BaseLoop

from hashbench.data import BatchLoader
from hashbench.engine.encoding import EncodedSet, encode
from hashbench.engine.evaluator import RetrievalEvaluator
from hashbench.registry import LOOPS


class RetrievalLoaders(NamedTuple):
    """What a retrieval loop reads: a loader of queries and one of the database."""

    query: BatchLoader
    database: BatchLoader


class _RetrievalLoop(BaseLoop):
    """Encodes queries and database and evaluates; several processes share both. The last encoding stays readable.

    Args:
        dataloader: `RetrievalLoaders`. (One argument for both: mmengine deep-copies all others.)
        evaluator: a `RetrievalEvaluator`.
    """

    def __init__(self, runner: Any, dataloader: RetrievalLoaders, evaluator: RetrievalEvaluator) -> None:
        super().__init__(runner, dataloader)
        self.loaders = dataloader
        self.evaluator = evaluator
        self.query: EncodedSet
        self.database: EncodedSet
        self.metrics: dict[str, float] = {}

    def _measure(self) -> dict[str, float]:
        self.query = encode(self.runner.model, self.loaders.query, self.evaluator.bits)
        self.database = encode(self.runner.model, self.loaders.database, self.evaluator.bits)
        self.metrics = self.evaluator(self.query, self.database)
        return self.metrics


@LOOPS.register_module()
class RetrievalValLoop(_RetrievalLoop):
    """Validation: validation queries against the validation database."""

    def run(self) -> dict[str, float]:
        """All metrics; hooks see them in `after_val_epoch`."""
        self.runner.call_hook("before_val")
        self.runner.call_hook("before_val_epoch")
        started = time.perf_counter()
        metrics = self._measure()
        self.runner.state.val_seconds += time.perf_counter() - started
        self.runner.call_hook("after_val_epoch", metrics=metrics)
        self.runner.call_hook("after_val")
        return metrics


@LOOPS.register_module()
class RetrievalTestLoop(_RetrievalLoop):
    """Test: built only after selection is over, when the test queries are unsealed."""

    def run(self) -> dict[str, float]:
        """All metrics; hooks see them in `after_test_epoch`."""
        self.runner.call_hook("before_test")
        self.runner.call_hook("before_test_epoch")
        metrics = self._measure()
        self.runner.call_hook("after_test_epoch", metrics=metrics)
        self.runner.call_hook("after_test")
        return metrics
