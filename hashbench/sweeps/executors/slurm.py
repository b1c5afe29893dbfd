"""Slurm, through submitit: each task is a job of the cluster, whose machines share the folders that the command names.

A job that Slurm preempts, or whose time is up, is queued again, and its run goes on from its checkpoint.
"""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any

from hashbench.errors import UserError, did_you_mean
from hashbench.paths import expanded
from hashbench.results.atomic import write_errors_explained
from hashbench.sweeps.executors.base import Ended, Executor, cores
from hashbench.sweeps.executors.remote import attempt_in_folder, remote_environment

_JOBS = 32
"""Jobs at a time where `--jobs` does not say."""

_ARRAY = 1000
"""Jobs in one submission at most: Slurm's own limit on arrays, unless a cluster sets another."""

_STATES_EVERY = 30.0
"""Seconds between two questions to Slurm about the states of all jobs; answers are looked for more often."""

_LOCAL_END = 10.0
"""Seconds in which processes of this machine end when they are cancelled."""


class SlurmExecutor(Executor):
    """Tasks as jobs of Slurm. Those that are started together are submitted as one array.

    Args:
        jobs: jobs at a time; None: 32, or one per core with `cluster=local`.
        device: `--device` of the runs; with `cuda` each job asks for a GPU.
        cluster: `slurm`; `local`: processes of this machine in the place of jobs, to try a command without a cluster.
        partition: of the cluster; None: its default.
        time: minutes after which Slurm ends a job.
        gpus: of each job; None: one with `--device cuda`, else none.
        cpus: cores of each job; None: what the cluster gives.
        mem: GB of memory of each job; None: what the cluster gives.
        folder: for what jobs are asked and what they log, shared by all machines. What belongs to a job that ended
            well is removed.
        slurm_options: all else that submitit knows, such as `slurm_account`, `slurm_qos` or `slurm_constraint`.

    Raises:
        UserError: submitit is not installed, there is no Slurm here, or an option is unknown or wrong.
    """

    def __init__(
        self,
        jobs: int | None = None,
        device: str = "auto",
        *,
        cluster: str = "slurm",
        partition: str | None = None,
        time: int = 60,
        gpus: int | None = None,
        cpus: int | None = None,
        mem: float | None = None,
        folder: str = "slurm-logs",
        **slurm_options: Any,
    ) -> None:
        _check(device, cluster, {"time": time, "cpus": cpus, "gpus": gpus, "mem": mem})
        submitit = _import_submitit(cluster)
        of_constructor, of_jobs = _split(slurm_options, submitit.SlurmExecutor)
        self._local = cluster == "local"
        self.workers = jobs or (cores() if self._local else _JOBS)
        share = max(1, cores() // self.workers) if self._local else None
        self._environment = remote_environment(cpus or share)
        self._poll, self._patience = (0.1, 1.0) if self._local else (2.0, 15.0)
        asked = {
            "timeout_min": time,
            "gpus_per_node": (int(device == "cuda") if gpus is None else gpus) or None,
            "cpus_per_task": cpus,
            "mem_gb": mem,
            "slurm_partition": partition,
            "slurm_array_parallelism": self.workers,
        }
        # Of this call alone: processes in the place of jobs are named by numbers that come again.
        self._folder = expanded(folder) / f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
        with write_errors_explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._cluster = submitit.AutoExecutor(self._folder, cluster=cluster, **of_constructor)
            self._cluster.update_parameters(name="hashbench", **(asked | of_jobs))
        except (NameError, TypeError, ValueError, AssertionError, RuntimeError) as error:
            raise UserError(f"--executor slurm: {str(error).splitlines()[0]}") from error
        self._new: list[tuple[int, Callable[..., Any], tuple[Any, ...]]] = []
        self._jobs: dict[int, Any] = {}
        self._without_answer: dict[int, float] = {}
        self._states_at = monotonic()

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """See `Executor`. The job is submitted by the next `wait`, together with others."""
        self._new.append((key, function, arguments))

    def wait(self, timeout: float | None = None) -> list[Ended]:
        """See `Executor`.

        Raises:
            UserError: Slurm does not take a job.
        """
        self._submit()
        if not self._jobs:
            sleep(timeout or 0)
            return []
        until = None if timeout is None else monotonic() + timeout
        while not (ended := self._ended()):
            left = self._poll if until is None else until - monotonic()
            if left <= 0:
                break
            sleep(min(self._poll, left))
        return ended

    def _submit(self) -> None:
        """Hand over what was started since the last time."""
        while self._new:
            tasks = self._new[:_ARRAY]
            jobs = []
            try:
                with self._cluster.batch():
                    for task in tasks:
                        jobs.append(self._cluster.submit(_Resumable(), os.getcwd(), self._environment, *task))
            except (RuntimeError, OSError) as error:  # submitit's errors are of the first kind
                lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
                raise UserError(f"--executor slurm: a job cannot be submitted: {lines[-1]}") from error
            self._jobs |= {key: job for (key, _, _), job in zip(tasks, jobs, strict=True)}
            del self._new[:_ARRAY]

    def _ended(self) -> list[Ended]:
        """Of all jobs: an answer in the folder, or a state in which there will be none."""
        now = monotonic()
        if now - self._states_at >= _STATES_EVERY:
            self._states_at = now
            next(iter(self._jobs.values())).get_info(mode="force")  # submitit asks for all of them at once
        found = []
        for key, job in list(self._jobs.items()):
            if not job.done():
                continue
            if job.paths.result_pickle.exists():
                found.append(_answer(key, job))
            # A shared file system may show the answer some time after the job is over.
            elif now - self._without_answer.setdefault(key, now) >= self._patience:
                death = f"its job {job.job_id} ended without an answer (state {job.state})"
                found.append(Ended(key, death=f"{death}; {_log_of(job)}"))
                _remove(job, logs=False)
            else:
                continue
            del self._jobs[key]
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel the jobs that wait or are under way; leave no folder without a log in it."""
        for job in self._jobs.values():
            job.cancel(check=False)
        until = monotonic() + _LOCAL_END
        while self._local and not all(job.done() for job in self._jobs.values()) and monotonic() < until:
            sleep(self._poll)
        for job in self._jobs.values():
            _remove(job, logs=False)
        with suppress(OSError):
            self._folder.rmdir()
            self._folder.parent.rmdir()


class _Resumable:
    """What a job does. Asked to stop, submitit calls `checkpoint` for what the job does when it comes again."""

    def __call__(self, *arguments: Any) -> Ended:
        return attempt_in_folder(*arguments)

    def checkpoint(self, *arguments: Any) -> Any:
        """The same: a run that was begun goes on from its checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def _answer(key: int, job: Any) -> Ended:
    """What a job left behind, which is then removed but for the log of one that failed."""
    try:
        ended: Ended = job.result()
    except Exception as error:  # its machine could not import a module of the task, or not write the answer
        _remove(job, logs=False)
        return Ended(key, death=f"its job {job.job_id} failed ({type(error).__name__}); {_log_of(job)}")
    _remove(job, logs=True)
    return ended


def _remove(job: Any, *, logs: bool) -> None:
    """Take a job's files away."""
    paths = job.paths
    for path in [paths.submission_file, paths.submitted_pickle, paths.result_pickle]:
        path.unlink(missing_ok=True)
    for path in [paths.stdout, paths.stderr] if logs else []:
        path.unlink(missing_ok=True)


def _log_of(job: Any) -> str:
    """Where to read on, and the last line of it, which most often has the reason."""
    path: Path = job.paths.stderr
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), None)
    return f"its log {path} ends with: {last}" if last else f"its log is {path}"


def _import_submitit(cluster: str) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UserError('--executor slurm: submitit is not installed here: pip install "hashbench[slurm]"') from error
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise UserError(
            "--executor slurm: there is no sbatch on this machine: call from one that submits jobs, try it here with "
            "--executor-option cluster=local, or use --executor local"
        )
    return submitit


def _check(device: str, cluster: str, numbers: Mapping[str, Any]) -> None:
    """Refuse what submitit or Slurm would refuse later, or in more than a line."""
    if cluster not in ("slurm", "local"):
        raise UserError(f"--executor-option cluster={cluster}: {did_you_mean(str(cluster), ('slurm', 'local'))}")
    if device.startswith("cuda:"):
        raise UserError(f"--device {device} with --executor slurm: Slurm chooses the GPU; use --device cuda")
    for name, value in numbers.items():
        kind, words = ((int, float), "a number") if name == "mem" else ((int,), "a whole number")
        least = 0 if name == "gpus" else 1
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind) or value < least):
            raise UserError(f"--executor-option {name}={value}: expected {words}, {least} or more")


def _split(options: Mapping[str, Any], executor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options for submitit's constructor, and parameters of a job.

    Raises:
        UserError: an option of neither.
    """
    of_constructor = {f"slurm_{name}" for name in inspect.signature(executor).parameters} - {"slurm_folder"}
    of_jobs = {f"slurm_{name}" for name in executor._valid_parameters()}
    own = inspect.signature(SlurmExecutor).parameters.keys() - {"jobs", "device", "slurm_options"}
    for name in options:
        if name not in of_constructor | of_jobs:
            known = sorted(of_constructor | of_jobs) if name.startswith("slurm_") else [*own, "slurm_PARAMETER"]
            raise UserError(f"--executor-option {name}: executor slurm has no such option. {did_you_mean(name, known)}")
    return (
        {name: value for name, value in options.items() if name in of_constructor},
        {name: value for name, value in options.items() if name in of_jobs},
    )
