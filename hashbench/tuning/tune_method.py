"""A search for a method's settings from beginning to end: its space, its study on disk, its trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.catalog.set_words import as_set, hyper_parameters, is_hyper_parameter
from hashbench.errors import RunFailedError, UserError, did_you_mean
from hashbench.sweeps.executors import Executor
from hashbench.tuning.search_space import SAMPLERS, with_changes
from hashbench.tuning.study import Study, continued
from hashbench.tuning.tune import tune

_MOST_TRIALS = 100_000
"""More are a slip of the keyboard, and would fill the memory with trials to do."""


def tune_method(
    catalog: Catalog,
    resolve: Callable[[Sequence[str]], RunSpec],
    make_executor: Callable[[], Executor],
    tell: Callable[[str], None],
    *,
    method: str,
    preset: str | None,
    sets: Sequence[str],
    search: Sequence[str],
    sampler: str,
    trials: int,
    seed: int,
    path: Path | None,
) -> tuple[Study, Path]:
    """Try settings of a method until its study has `trials` of them.

    Args:
        resolve: `--set` words -> the run with them.
        make_executor: makes what the trials are done with.
        tell: called with a line for each trial that is over.
        preset, sets: where the search starts.
        search: changes of the method's search space, `KEY=log 0.1 1`.
        sampler: of `SAMPLERS`.
        seed: of the draws and of the runs.
        path: file of the study, gone on with; None: under `studies/`, named after protocol, method, bits and seed.

    Returns:
        The study and its file.

    Raises:
        UserError: the request is wrong, or the file holds another study.
        RunFailedError: every trial failed, or some were lost.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    if not 1 <= trials <= _MOST_TRIALS:
        raise UserError(f"--trials {trials}: give a number from 1 to {_MOST_TRIALS:,}")
    if sampler not in SAMPLERS:
        raise UserError(f"--sampler {sampler}: no such sampler. {did_you_mean(sampler, SAMPLERS)}")
    shared, start = [word for word in sets if not is_hyper_parameter(word)], hyper_parameters(sets)

    def make_spec(values: dict[str, Any]) -> RunSpec:
        return resolve([*shared, *start, *(as_set(name, value) for name, value in values.items())])

    space = with_changes(catalog, method, search)
    defaults = make_spec({})
    if path is None:
        name = f"{defaults.protocol}-{method}-{defaults.preset}-{defaults.bits}bit-seed{seed}.json"
        path = Path("studies") / name
    asked = Study(
        method=method, preset=preset, sets=start, sampler=sampler, seed=seed, search=space, run=defaults.identity()
    )
    study = continued(asked, path)
    tune(study, path, make_spec, trials, make_executor, tell)
    if all(trial.failure for trial in study.trials):
        raise RunFailedError(f"all {len(study.trials)} trials of {method} failed; the first: {study.trials[0].failure}")
    return study, path
