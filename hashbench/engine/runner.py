"""The mmengine Runner of hashbench: from a config to a training that is selected on validation and tested once."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import ParamSchedulerHook
from mmengine.visualization import Visualizer

from hashbench.catalog import Catalog, load_catalog
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.config import config_values, spec_of_config
from hashbench.engine.distributed import rank
from hashbench.engine.evaluator import RetrievalEvaluator
from hashbench.engine.experiment import Experiment, be_deterministic, prepare
from hashbench.engine.hooks import ReportHook, SelectionHook, build_hooks, check_primary
from hashbench.engine.mmengine_internals import QuietRunner
from hashbench.engine.reporter import Reporter
from hashbench.engine.retrieval_loops import RetrievalLoaders, RetrievalTestLoop
from hashbench.engine.state import TrainingState
from hashbench.engine.visualizer import CurvesHook, build_visualizer
from hashbench.errors import RunFailedError
from hashbench.registry import SCOPE
from hashbench.results.folder import RunFolder

_RUNS = itertools.count()


class HashRunner(QuietRunner):
    """Trains (or fits), validates and tests one experiment.

    Checkpoints are our own: mmengine's are written in place, so that a kill can tear the only one, and torch's
    weights-only loader does not read them back. So is the test: no loader of its queries exists before `select`.

    Args:
        experiment: the built parts.
        folder: where checkpoints and curves go; of a run, or any other.
        reporter: who is told; nobody by default.
        resume: go on from the newest readable checkpoint.

    Raises:
        UserError: an optimizer, schedule, hook or visualizer that refuses its options.

    Example:
        >>> import tempfile
        >>> config = {"run": {"method": "dsh", "bits": 16, "settings": {"epochs": 1}}}
        >>> runner = HashRunner.from_cfg(config, folder=Path(tempfile.mkdtemp()))
        >>> network = runner.train()
        >>> runner.select().startswith("epoch 1, validation map")
        True
        >>> 0.2 < runner.final_test().metrics["map"] < 1
        True
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: RunFolder,
        reporter: Reporter | None = None,
        *,
        resume: bool = False,
    ) -> None:
        self.experiment, self.learner, self.folder = experiment, experiment.learner, folder
        self.reporter = reporter or Reporter()
        self.state = TrainingState()
        self._restored = False
        self._saved_at = self._saving_took = 0.0
        spec, roles, feed = experiment.spec, experiment.roles, experiment.feed
        primary = spec.settings.primary
        self.store = CheckpointStore(folder.checkpoints_path, self.reporter.warning)
        evaluator = self._evaluator()
        check_primary(primary, evaluator.names(self.learner.model.ranking))  # before anything is trained
        self._selection = SelectionHook(primary, spec.settings.patience)
        super().__init__(
            model=self.learner.model,
            work_dir=str(folder.checkpoints_path),
            train_cfg=self.learner.train_cfg(spec.settings),
            val_dataloader=RetrievalLoaders(feed.ordered(roles.validation), feed.ordered(roles.validation_database)),
            val_cfg={"type": "hashbench.RetrievalValLoop"},
            val_evaluator=evaluator,
            default_hooks=dict.fromkeys(
                ("runtime_info", "timer", "sampler_seed", "logger", "checkpoint", "param_scheduler")
            ),
            custom_hooks=[
                ParamSchedulerHook(),
                self._selection,
                ReportHook(self.reporter, primary),
                *([CurvesHook(folder.curves_path)] if spec.visualizer else []),
                *build_hooks(spec.custom_hooks),
            ],
            randomness={"seed": spec.seed},
            env_cfg={"mp_cfg": {"mp_start_method": multiprocessing.get_start_method()}},
            resume=resume,
            # mmengine keeps loggers and scopes under this name for ever, and several runs may share a process.
            experiment_name=f"hashbench-{os.getpid()}-{next(_RUNS)}",
            log_level="WARNING",
            default_scope=SCOPE,
            cfg=Config(config_values(spec)),
            **self.learner.begin(feed, roles.train),
        )
        self.discard_log_dir()

    @classmethod
    def from_cfg(  # type: ignore[override]
        cls,
        cfg: Config | Mapping[str, Any],
        *,
        folder: Path | str | None = None,
        catalog: Catalog | None = None,
        reporter: Reporter | None = None,
        resume: bool = False,
        **run_options: Any,
    ) -> HashRunner:
        """A runner that trains, selects and tests what a config asks for (`hashbench.engine.config`).

        Unlike `hashbench run`, it claims no folder among the results and writes no result.json.

        Args:
            folder: where checkpoints and curves go; `work_dirs/<method>` by default, as in mmengine.
            catalog: in which names are looked up.
            reporter: who is told; nobody by default.
            resume: go on from the newest checkpoint in the folder.
            run_options: `device` and `data_root`, as of the command line.

        Raises:
            UserError: a config that is wrong.
        """
        catalog, reporter = catalog or load_catalog(), reporter or Reporter()
        values = cfg.to_dict() if isinstance(cfg, Config) else cfg
        source = Path(cfg.filename).parent if isinstance(cfg, Config) and cfg.filename else None
        out = Path(folder or "work_dirs")
        spec = spec_of_config(values, catalog, folder=source, out=out, **run_options)
        be_deterministic(compiled=spec.compile)
        place = out if folder else out / spec.method
        return cls(prepare(spec, catalog, reporter), RunFolder(place), reporter, resume=resume)

    def hooks_at(self, stage: str) -> list[Callable[..., None]]:
        """The hooks that do something at a stage, in their order: those that do not need not be called at each step."""
        return [getattr(hook, stage) for hook in self.hooks if stage in hook.get_triggered_stages()]

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

    def save_state(self) -> None:
        """A checkpoint of everything after the epoch that has just ended.

        After the first and the last epoch, and in between whenever the last one took under 1/50 of the time since:
        saving then costs at most 2 % of any run, and a kill loses at most 50 times what saving costs.
        """
        now = time.perf_counter()
        last = self.epoch_done == self.train_loop.max_epochs or self.train_loop.stop_training
        if rank() == 0 and (last or now - self._saved_at >= 50 * self._saving_took):
            payload = {
                "epoch": self.epoch_done,
                "iter": self.train_loop.iter,
                **self.learner.state(),
                "training": self.state.to_plain(),
            }
            self.call_hook("before_save_checkpoint", checkpoint=payload)
            self._writing(lambda: self.store.save(self.epoch_done, payload))
            self._saved_at = time.perf_counter()
            self._saving_took = self._saved_at - now
        self.call_hook("after_epoch_saved")

    def save_best(self) -> None:
        """What has been learned when validation likes it best so far."""
        if rank() == 0:
            self._writing(lambda: self.learner.save_best(self.store, self.epoch_done))

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
        if self._restored or not self.asked_to_resume or not self.learner.resumable:
            return
        self._restored = True
        saved = self.store.latest()
        if saved is None:
            self.reporter.message("no checkpoint to resume from: starting with epoch 1")
            return
        self.call_hook("after_load_checkpoint", checkpoint=saved)
        self.learner.restore(saved)
        self.train_loop.set_progress(saved["epoch"], saved["iter"])
        self.state = TrainingState.from_plain(saved["training"])
        self.reporter.message(f"resumed after epoch {saved['epoch']}")

    def select(self) -> str:
        """Go back to the selected epoch and unseal the test queries. Returns what was selected, in words."""
        settings, state = self.experiment.spec.settings, self.state
        self.learner.load_best(self.store, state.best_epoch)
        # As in mmengine, or a hook that keeps weights of its own would test those of the last epoch.
        self.call_hook("after_load_checkpoint", checkpoint={"state_dict": self.model.state_dict()})
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

    def build_visualizer(self, visualizer: Any = None) -> Visualizer:
        """That of the request; without one nothing is drawn."""
        spec = self.experiment.spec
        return build_visualizer(spec.visualizer, self.experiment_name, self.folder.curves_path, spec)
