"""Where many runs are done: processes on this machine, or a Ray cluster. See `executor`."""

from hashbench.sweeps.executors.base import Ended, Executor, cores
from hashbench.sweeps.executors.choose import check, executor

__all__ = ["Ended", "Executor", "check", "cores", "executor"]
