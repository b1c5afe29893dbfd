"""The only place that touches names of mmengine which it does not promise to keep.

`tests/engine/test_mmengine_internals.py` says which of them a new mmengine has changed; pyproject.toml allows no
version beyond those that it passes with.
"""

from __future__ import annotations

import logging
import shutil
import sys
from typing import Any

from mmengine.logging import MMLogger
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.utils import ManagerMixin
from mmengine.visualization import BaseVisBackend, Visualizer

ParamScheduler = _ParamScheduler
"""What mmengine's schedules are made of. A subclass defines `_get_value(self) -> list[float]`."""


class EpochLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs, whose counters can be set: by our own epoch, and by a checkpoint of ours."""

    def set_progress(self, epoch: int, iteration: int) -> None:
        """How many epochs and steps are done."""
        self._epoch, self._iter = epoch, iteration


class QuietRunner(Runner):
    """mmengine's Runner without what it does for a single run of a process that is its own.

    It would make a folder for its logs, survey the environment by starting compilers, write the config under a name of
    its own, and open a figure of matplotlib.
    """

    def build_logger(self, log_level: int | str = "WARNING", log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """mmengine's own notices only from warnings on; hashbench writes log.txt itself."""
        logger = MMLogger.get_instance(self._experiment_name, logger_name="hashbench.mmengine", log_level=log_level)
        for handler in logger.handlers:  # results are what goes to stdout
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
                handler.setStream(sys.stderr)
        return logger

    def _log_env(self, env_cfg: dict) -> None:
        """The environment is part of result.json."""

    def dump_config(self) -> None:
        """config.py is written by `hashbench.engine.run`."""

    def discard_log_dir(self) -> None:
        """Remove the empty folder that mmengine makes for its logs, the same for all processes, each of which tries."""
        shutil.rmtree(self._log_dir, ignore_errors=True)

    @property
    def asked_to_resume(self) -> bool:
        """Whether the run is to go on from a checkpoint, if there is one."""
        return self._resume


class DrawNothing(Visualizer):
    """A visualizer without back ends. mmengine's constructor would import matplotlib and open a figure."""

    def __init__(self, name: str) -> None:
        ManagerMixin.__init__(self, name)
        self._dataset_meta = None
        self._vis_backends: dict[str, BaseVisBackend] = {}


def flush(visualizer: Visualizer) -> None:
    """Have all back ends that hold values back write them to disk now."""
    for backend in visualizer._vis_backends.values():
        write = getattr(backend.experiment, "flush", None)
        if callable(write):
            write()
