"""The mmengine Runner of hashbench: its loops and hooks, our checkpoints, no global noise."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import ParamSchedulerHook
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

import hashbench.engine.loops  # noqa: F401  (registers the loops that a config names)
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.distributed import rank
from hashbench.engine.epoch import Training
from hashbench.engine.evaluator import RetrievalEvaluator
from hashbench.engine.experiment import Experiment
from hashbench.engine.hooks import ReportHook, SelectionHook
from hashbench.engine.model import DeepModel
from hashbench.engine.optim import build_optimizer, build_schedule
from hashbench.engine.reporter import Reporter
from hashbench.engine.retrieval_loops import RetrievalLoaders, RetrievalTestLoop
from hashbench.engine.state import TrainingState
from hashbench.errors import RunFailedError, UserError


class HashRunner(Runner):
    """Trains (or fits), validates and tests one experiment.

    Args:
        experiment: the built parts.
        config: the mmengine Config of the run (loops, optimizer, schedule); kept in the result folder.
        folder: of the checkpoints.
        reporter: who is told.
        resume: go on from the newest readable checkpoint.
        name: unique among the runs of this process.
    """

    def __init__(
        self, experiment: Experiment, config: Config, folder: Path, reporter: Reporter, resume: bool, name: str
    ) -> None:
        self.experiment = experiment
        self.reporter = reporter
        self.state = TrainingState()
        self._restored = False
        self._saved_at = self._saving_took = 0.0
        settings, roles, feed = experiment.spec.settings, experiment.roles, experiment.feed
        self.store = CheckpointStore(folder, reporter.warning)
        self._selection = SelectionHook(settings.primary, settings.patience)
        train_cfg = dict(config.train_cfg)
        model = experiment.model
        options: dict[str, Any] = {}
        if isinstance(model, DeepModel):
            optimizer = build_optimizer(experiment.spec.optimizer, model.network, experiment.catalog)
            self.training = Training(
                model, optimizer, feed, roles.train, epochs=settings.epochs, seed=experiment.spec.seed
            )
            loader = self.training.loader
            options = {
                "optim_wrapper": self.training.optim_wrapper,
                "param_scheduler": build_schedule(experiment.spec.schedule, optimizer, settings.epochs, len(loader), experiment.catalog)
                or None,
            }
        else:
            loader = feed.ordered(roles.train)
            options = {"optim_wrapper": _NothingToStep()}
        super().__init__(
            model=model,
            work_dir=str(folder),
            train_dataloader=loader,
            train_cfg=train_cfg,
            val_dataloader=RetrievalLoaders(feed.ordered(roles.validation), feed.ordered(roles.validation_database)),
            val_cfg=dict(config.val_cfg),
            val_evaluator=self._evaluator(),
            default_hooks=dict.fromkeys(
                ("runtime_info", "timer", "sampler_seed", "logger", "checkpoint", "param_scheduler")
            ),
            custom_hooks=[ParamSchedulerHook(), self._selection, ReportHook(reporter, settings.primary)],
            randomness={"seed": experiment.spec.seed},
            env_cfg={"mp_cfg": {"mp_start_method": multiprocessing.get_start_method()}},
            resume=resume,
            experiment_name=name,
            log_level="WARNING",
            cfg=config,
            **options,
        )
        shutil.rmtree(self.log_dir, ignore_errors=True)  # mmengine's own log folder; ours is log.txt

    def _evaluator(self) -> RetrievalEvaluator:
        settings = self.experiment.spec.settings
        return RetrievalEvaluator(
            self.experiment.spec.bits,
            tuple(settings.topk),
            tuple(settings.radii),
            settings.denominator,
            self.experiment.device,
        )

    @property
    def epoch_done(self) -> int:
        """Epochs finished."""
        return self.train_loop.epoch

    def patience_spent(self) -> bool:
        """Whether training had stopped early before it was resumed."""
        return self._selection.spent(self.state.stale)

    def refusal(self, error: ValueError) -> UserError:
        """A shallow method's ValueError, named."""
        return UserError(f"method {self.experiment.spec.method}: {str(error).splitlines()[0]}")

    def save_state(self) -> None:
        """A checkpoint of everything after the epoch that has just ended.

        After the first and the last epoch, and in between whenever the last one took under 1/50 of the time since:
        saving then costs at most 2 % of any run, and a kill loses at most 50 times what saving costs.
        """
        now = time.perf_counter()
        last = self.epoch_done == self.train_loop.max_epochs or self.train_loop.stop_training
        if rank() == 0 and (last or now - self._saved_at >= 50 * self._saving_took):
            schedulers = self.param_schedulers if isinstance(self.param_schedulers, list) else []
            payload = {
                "epoch": self.epoch_done,
                "iter": self.train_loop.iter,
                "state_dict": self.model.state_dict(),
                "optimizer": self.optim_wrapper.optimizer.state_dict(),
                "schedulers": [scheduler.state_dict() for scheduler in schedulers],
                "training": self.state.to_plain(),
            }
            self._writing(lambda: self.store.save(self.epoch_done, payload))
            self._saved_at = time.perf_counter()
            self._saving_took = self._saved_at - now
        self.call_hook("after_epoch_saved")

    def save_best(self) -> None:
        """The weights of the epoch that validation likes best so far."""
        if rank() == 0 and isinstance(self.experiment.model, DeepModel):
            state = {name: value.detach().cpu() for name, value in self.model.state_dict().items()}
            self._writing(lambda: self.store.save_best(self.epoch_done, state))

    def _writing(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            raise RunFailedError(
                f"checkpoint cannot be written to {self.store.folder}: {error.strerror}; the one before is kept, "
                "make room and go on with --resume"
            ) from error

    def load_or_resume(self) -> None:
        """Restore the newest readable checkpoint if this run is to be resumed. Replaces mmengine's loading."""
        if self._restored or not self._resume or not isinstance(self.experiment.model, DeepModel):
            return
        self._restored = True
        saved = self.store.latest(self.experiment.device)
        if saved is None:
            self.reporter.message("no checkpoint to resume from: starting with epoch 1")
            return
        self.model.load_state_dict(saved["state_dict"])
        self.optim_wrapper.optimizer.load_state_dict(saved["optimizer"])
        for scheduler, state in zip(self.param_schedulers or [], saved["schedulers"], strict=True):
            scheduler.load_state_dict(state)
        self.train_loop._epoch, self.train_loop._iter = saved["epoch"], saved["iter"]
        self.state = TrainingState.from_plain(saved["training"])
        self.reporter.message(f"resumed after epoch {saved['epoch']}")

    def select(self) -> str:
        """Load the selected weights and unseal the test queries. Returns what was selected, in words."""
        settings, state = self.experiment.spec.settings, self.state
        if isinstance(self.experiment.model, DeepModel):
            self.model.load_state_dict(self.store.load_best(state.best_epoch, self.experiment.device))
        selection = f"epoch {state.best_epoch}, validation {settings.primary} {state.best_value:.6f}"
        self.experiment.roles.unseal(selection)
        return selection

    def final_test(self) -> RetrievalTestLoop:
        """Test queries against the database, with the selected weights. Call `select` first."""
        roles, feed = self.experiment.roles, self.experiment.feed
        loaders = RetrievalLoaders(feed.ordered(roles.test), feed.ordered(roles.database))
        loop = RetrievalTestLoop(self, loaders, self._evaluator())
        loop.run()
        return loop

    def build_logger(self, log_level: int | str = "WARNING", log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """mmengine's own notices only from warnings on; hashbench writes log.txt itself."""
        return MMLogger.get_instance(self._experiment_name, logger_name="hashbench.mmengine", log_level=log_level)

    def build_visualizer(self, visualizer: Any = None) -> Any:
        """Nothing is drawn while training; mmengine's visualizer would import matplotlib and open figures."""
        return _NothingToDraw()

    def _log_env(self, env_cfg: dict) -> None:
        """The environment is part of result.json; mmengine's survey starts compilers to print their versions."""

    def dump_config(self) -> None:
        """config.py is written by `hashbench.engine.config`, with what is needed to run it again."""


class _NothingToStep(OptimWrapper):
    """What a Runner is given where no optimizer is used: mmengine wants train data and an optimizer or neither."""

    def __init__(self) -> None:
        super().__init__(torch.optim.SGD([torch.nn.Parameter(torch.zeros(0))], lr=1.0))

    def initialize_count_status(self, model: Any, init_counts: int, max_counts: int) -> None:
        """Nothing is counted."""


class _NothingToDraw:
    """Takes what mmengine tells its visualizer."""

    dataset_meta: Any = None

    def add_config(self, config: Config) -> None:
        """config.py is written elsewhere."""
