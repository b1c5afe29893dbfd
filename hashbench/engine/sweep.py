"""Many runs: a list of RunSpecs worked off by processes, each run in its own folder, finished ones skipped.

Nothing is kept but the run folders: a sweep that was killed at any moment is completed by the same call.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.catalog import load_catalog
from hashbench.engine.spec import RunSpec
from hashbench.errors import Interrupted, RunFailedError, UserError


@dataclass(frozen=True)
class Finished:
    """One run of a sweep: its validation-selected test mAP and the seconds that it took, or why it failed."""

    spec: RunSpec
    map: float = float("nan")
    seconds: float = 0.0
    failure: str | None = None

    def __str__(self) -> str:
        preset = "" if self.spec.preset == "default" else f"@{self.spec.preset}"
        name = f"{self.spec.protocol} {self.spec.method}{preset} {self.spec.bits} bits seed {self.spec.seed}"
        return (
            f"{name}: failed: {self.failure}" if self.failure else f"{name}: map {self.map:.4f}, {self.seconds:.1f} s"
        )


@dataclass
class SweepOutcome:
    """What became of a sweep: runs done now, runs found finished, runs that failed."""

    done: list[Finished] = field(default_factory=list)
    skipped: int = 0
    failed: list[Finished] = field(default_factory=list)


def find_run(spec: RunSpec) -> tuple[Path, bool] | None:
    """The folder in which exactly this run was begun and whether it is finished; None if it was never begun."""
    wanted = spec.identity()
    for path in spec.out.glob(f"{spec.protocol}*/{spec.method}*/{spec.bits}bit/seed{spec.seed}/spec.json"):
        try:
            found = json.loads(path.read_text())
        except ValueError:
            continue
        found.pop("fingerprint", None)
        if found == wanted:
            return path.parent, (path.parent / "result.json").exists()
    return None


def sweep(specs: Sequence[RunSpec], jobs: int, tell: Callable[[str], None]) -> SweepOutcome:
    """Work off a list of runs.

    Args:
        jobs: processes at a time; each gets an equal share of the cores.
        tell: called with one line for each finished run, with the time left.

    Raises:
        Interrupted: Ctrl-C; runs under way keep their state and go on with the next call.
    """
    outcome = SweepOutcome()
    todo = []
    for spec in specs:
        found = find_run(spec)
        if found and found[1]:
            outcome.skipped += 1
        else:
            todo.append((spec, found is not None))
    tell(f"{len(todo)} runs to do, {outcome.skipped} finished before, {jobs} at a time")
    started = time.perf_counter()
    # A process that dies (out of memory, killed) takes the pool with it; the runs that it left are tried again alone.
    left = _pass(todo, jobs, outcome, tell, started)
    for spec, _ in left:
        for unlucky, _ in _pass([(spec, find_run(spec) is not None)], 1, outcome, tell, started):
            outcome.failed.append(Finished(unlucky, failure="its process died twice"))
            tell(str(outcome.failed[-1]))
    return outcome


def _pass(
    todo: Iterable[tuple[RunSpec, bool]],
    jobs: int,
    outcome: SweepOutcome,
    tell: Callable[[str], None],
    started: float,
) -> list[tuple[RunSpec, bool]]:
    """Run a list in one pool of processes. Returns what was lost because a process died."""
    lost: list[tuple[RunSpec, bool]] = []
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    waiting = list(todo)
    total = len(waiting)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=limit_threads, initargs=(threads,)) as pool:
        futures: dict[Future[Finished], tuple[RunSpec, bool]] = {pool.submit(_one, *item): item for item in waiting}
        try:
            pending = set(futures)
            while pending:
                ready, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in ready:
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        lost.append(futures[future])
                        continue
                    (outcome.failed if result.failure else outcome.done).append(result)
                    count = len(futures) - len(pending)
                    seconds = (time.perf_counter() - started) / max(1, count) * (total - count)
                    tell(f"[{count}/{total}, about {_duration(seconds)} left] {result}")
        except KeyboardInterrupt:
            pool.shutdown(wait=True, cancel_futures=True)
            raise Interrupted("interrupted; finished runs are kept, the same command goes on with the rest") from None
    return lost


def limit_threads(threads: int) -> None:
    """In each new process, before torch is imported: its share of the cores."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)


def _one(spec: RunSpec, begun: bool) -> Finished:
    from hashbench.engine.run import run

    started = time.perf_counter()
    try:
        result = run(spec, load_catalog(spec.plugins), resume=begun)
    except (UserError, RunFailedError) as error:
        return Finished(spec, failure=str(error))
    except Interrupted as error:
        return Finished(spec, failure=str(error))
    return Finished(spec, map=result.record.metrics["map"], seconds=time.perf_counter() - started)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
