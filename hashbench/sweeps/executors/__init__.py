"""Where many runs are done: in processes of this machine, in this very process, on a Ray cluster or by Slurm."""

from hashbench.sweeps.executors.base import Ended, Executor, attempt, cores, thread_limits
from hashbench.sweeps.executors.choose import ExecutorChoice, choose_executor

__all__ = ["Ended", "Executor", "ExecutorChoice", "attempt", "choose_executor", "cores", "thread_limits"]
