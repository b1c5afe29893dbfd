"""Choosing hyper-parameters on validation: as many trials for every method, the test queries sealed throughout.

All studies of a call go through one scheduler: while the last trials of a rung are under way, other workers are at the
next study.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import filelock

from hashbench.errors import RunFailedError, UserError
from hashbench.results.atomic import write_errors_explained
from hashbench.sweeps.estimate import Durations
from hashbench.sweeps.executors import Executor
from hashbench.sweeps.features import compute_shared_features
from hashbench.sweeps.importable import check_importable
from hashbench.sweeps.scheduler import Scheduler, interruptible
from hashbench.tuning.under_way import Answer, Search, TrialTask, UnderWay


def tune(
    searches: Sequence[Search], make_executor: Callable[[], Executor], tell: Callable[[str], None]
) -> dict[int, str]:
    """Try settings until every study has its trials, each trained and validated but never tested.

    Args:
        searches: their files are written after every trial; what was killed is completed by the same call.
        make_executor: makes what the trials are done with.
        tell: called with a line for each run of a trial that is over.

    Returns:
        Position of a search -> why its request is wrong, whatever the setting. The others are complete.

    Raises:
        UserError: no request is right, Optuna is missing, or another process is at work on one of the studies.
        RunFailedError: trials were lost to a process that died or to a full disk; the others are kept.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    durations = Durations()
    under_way: dict[int, UnderWay] = {}
    for position, search in enumerate(searches):
        search.plan()
        if not search.is_complete():
            under_way[position] = UnderWay(search, durations)
        elif search.work.exists():  # a call that was killed after its last trial
            with suppress(UserError), _held(search):
                shutil.rmtree(search.work, ignore_errors=True)
    if not under_way:
        return {}
    with ExitStack() as locks:
        for one in under_way.values():
            locks.enter_context(_held(one.search))
        _do(list(under_way.values()), durations, make_executor, tell)
        for one in under_way.values():
            if one.refused or one.search.is_complete():
                shutil.rmtree(one.search.work, ignore_errors=True)
    refused = {position: one.refused for position, one in under_way.items() if one.refused}
    if len(refused) == len(searches):
        raise UserError(next(iter(refused.values())))
    return refused


def _do(
    under_way: Sequence[UnderWay],
    durations: Durations,
    make_executor: Callable[[], Executor],
    tell: Callable[[str], None],
) -> None:
    """All that is due, and what becomes due by it."""
    for note in dict.fromkeys(note for one in under_way for note in one.defaults.notes):
        tell(f"warning: {note}")
    if before := sum(len(one.known) for one in under_way):
        tell(f"{before} trials were done before")
    for one in under_way:
        if one.kept:
            one.tidy()
        else:  # of a study whose file is gone
            shutil.rmtree(one.search.work, ignore_errors=True)

    def kept() -> str:
        files = f"{under_way[0].search.path}" if len(under_way) == 1 else f"{len(under_way)} studies"
        return f"{sum(one.kept for one in under_way)} trials are kept in {files}; the same command goes on"

    halved = any(one.study.halving for one in under_way)
    scheduler = Scheduler[tuple[TrialTask, Answer]](
        [task for one in under_way for task in one.tasks()],
        tell,
        noun="runs of trials" if halved else "trials",
        over=0 if halved else before,
        durations=durations,
    )
    scheduler.later = [kinds for one in under_way for kinds in one.later()]
    with interruptible(make_executor, kept) as executor:
        check_importable([one.defaults for one in under_way], executor)
        scheduler.announce(executor)
        compute_shared_features([one.defaults for one in under_way for _ in range(2)], executor, tell)
        for task, answer in scheduler.run(executor):
            task.owner.take(answer, task.rungs)
            scheduler.add(task.owner.tasks() if not task.owner.refused else [])
            scheduler.later = [kinds for one in under_way for kinds in one.later()]
    if lost := [line for one in under_way for line in one.lost]:
        raise RunFailedError(f"{len(lost)} trials were lost: {lost[0]}; the others are kept, the same command goes on")


@contextmanager
def _held(search: Search) -> Iterator[None]:
    """One process at a time works on a study."""
    lock = filelock.FileLock(str(search.lock))
    with write_errors_explained(search.path):
        search.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"{search.path} is in use by another process: wait for it, or give another --out") from None
    try:
        yield
    finally:
        lock.release()
