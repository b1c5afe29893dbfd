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
from hashbench.tuning.search_space import SAMPLERS, whole_numbers, with_changes
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
        RunFailedError: every trial failed, or every one but the defaults, or some were lost.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    if not 1 <= trials <= _MOST_TRIALS:
        raise UserError(f"--trials {trials}: give a number from 1 to {_MOST_TRIALS:,}")
    if sampler not in SAMPLERS:
        raise UserError(f"--sampler {sampler}: no such sampler. {did_you_mean(sampler, SAMPLERS)}")
    shared, start = [word for word in sets if not is_hyper_parameter(word)], hyper_parameters(sets)

    def make_spec(values: dict[str, Any]) -> RunSpec:
        return resolve([*shared, *start, *(as_set(name, value) for name, value in values.items())])

    defaults = make_spec({})
    recipe = {"optimizer": defaults.optimizer, "schedule": defaults.schedule}
    space = with_changes(catalog, method, search, recipe)
    types = {"optimizer": defaults.optimizer.get("type", ""), "schedule": defaults.schedule.get("type", "")}
    whole = whole_numbers(catalog, method, space, types)
    if path is None:
        name = f"{defaults.protocol}-{method}-{defaults.preset}-{defaults.bits}bit-seed{seed}.json"
        path = Path("studies") / name
    from hashbench.engine.experiment import current_description  # torch: only now that the request is sound

    facts = current_description(defaults, catalog)
    asked = Study(
        method=method,
        preset=preset,
        sets=start,
        sampler=sampler,
        seed=seed,
        search=space,
        run=defaults.identity(),
        content={name: facts[name] for name in ("data", "split", "weights")},
    )
    study = continued(asked, path)
    tune(study, path, make_spec, trials, make_executor, tell, whole)
    _check_scores(study, path)
    return study, path


def _check_scores(study: Study, path: Path) -> None:
    """Raise RunFailedError where nothing was learnt: no trial, or none but the defaults, has a score."""
    failed = [trial for trial in study.trials if trial.failure]
    if len(failed) == len(study.trials):
        raise RunFailedError(f"all {len(failed)} trials of {study.method} failed; the first: {failed[0].failure}")
    scored = [trial for trial in study.trials if not trial.failure]
    if failed and [trial.number for trial in scored] == [0]:
        raise RunFailedError(
            f"{study.method}: all {len(failed)} settings that were drawn failed, only the defaults have a score "
            f"({scored[0].score:.4f}): change --search, with another --out than {path}. The first: {failed[0].failure}"
        )
