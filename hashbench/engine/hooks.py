"""mmengine hooks: selection of the best epoch on validation with patience, and reporting."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.hooks import Hook

from hashbench.engine.reporter import Reporter
from hashbench.errors import UserError, did_you_mean
from hashbench.registry import HOOKS, SCOPE
from hashbench.results.known_metric import known_metric
from hashbench.results.record import VALIDATION


def check_primary(name: str, metrics: Iterable[str]) -> None:
    """Refuse to select by a metric that is not computed.

    Raises:
        UserError: `name` is not among the metrics.
    """
    known = list(metrics)
    if name not in known:
        raise UserError(f"protocol field primary: no metric {name!r}. {did_you_mean(name, known)}")


def build_hooks(configs: Iterable[Mapping[str, Any]]) -> list[Hook]:
    """`custom_hooks` of a config.

    Raises:
        UserError: a hook that refuses its options.
    """
    hooks = []
    for config in configs:
        options = {**copy.deepcopy(dict(config)), "_scope_": SCOPE}
        priority = options.pop("priority", None)
        try:
            hook = HOOKS.build(options)
        except Exception as error:  # a hook may be anybody's and fail in any way
            raise UserError(f"custom_hooks: {' '.join(str(error).split())}") from error
        if not isinstance(hook, Hook):
            raise UserError(f"custom_hooks: {config['type']} is no subclass of mmengine.hooks.Hook")
        if priority is not None:
            hook.priority = priority
        hooks.append(hook)
    return hooks


@HOOKS.register_module()
class SelectionHook(Hook):
    """Keeps the weights of the epoch with the best validation metric and stops when patience is spent.

    Args:
        primary: name of the metric; the table of metrics says whether more or less of it is better.
        patience: validations without improvement after which training stops; None never.
    """

    def __init__(self, primary: str, patience: int | None = None) -> None:
        self.primary = primary
        self.patience = patience

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Note the metrics in the history; save the weights if they are the best so far."""
        metrics = metrics or {}
        check_primary(self.primary, metrics)
        runner.state.history[-1].update({f"{VALIDATION}{name}": value for name, value in metrics.items()})
        higher_is_better = known_metric(self.primary).metric.higher_is_better
        if runner.state.observe(runner.epoch_done, metrics[self.primary], higher_is_better=higher_is_better):
            runner.save_best()
        if self.spent(runner.state.stale):
            runner.train_loop.stop_training = True

    def spent(self, stale: int) -> bool:
        """Whether so many validations without improvement are enough."""
        return self.patience is not None and stale >= self.patience


@HOOKS.register_module()
class ReportHook(Hook):
    """Passes progress on to a `Reporter`."""

    def __init__(self, reporter: Reporter, primary: str) -> None:
        self.reporter = reporter
        self.primary = primary

    def before_train(self, runner: Any) -> None:
        """Announce the work."""
        self.reporter.begin(runner.train_loop.max_epochs, len(runner.train_loop.dataloader), runner.epoch_done)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """One step further."""
        self.reporter.step()

    def after_epoch_saved(self, runner: Any) -> None:
        """Our own hook point: the epoch is trained, validated and saved."""
        self.reporter.epoch(runner.state.history[-1], runner.train_loop.max_epochs, self.primary)
