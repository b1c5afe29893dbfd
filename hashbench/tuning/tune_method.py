"""From a request to a search for a method's settings: its space, its first trials, its study on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.catalog.set_words import as_set, hyper_parameters, is_hyper_parameter
from hashbench.errors import RunFailedError, UserError, did_you_mean
from hashbench.sweeps.executors import Executor
from hashbench.tuning.search_space import SAMPLERS, whole_numbers, with_changes, with_rates
from hashbench.tuning.study import Study, continued
from hashbench.tuning.tune import tune
from hashbench.tuning.under_way import Search

STUDIES = Path("studies")
"""Where studies lie unless something else is asked for."""

_MOST_TRIALS = 100_000
"""More are a slip of the keyboard, and would fill the memory with trials to do."""


class NoSpaceError(UserError):
    """There is nothing to search."""


def make_search(
    catalog: Catalog,
    resolve: Callable[[Sequence[str]], RunSpec],
    *,
    method: str,
    preset: str | None,
    sets: Sequence[str],
    search: Sequence[str],
    sampler: str,
    trials: int,
    seed: int,
    path: Path,
    halving: bool | None = None,
) -> Search:
    """A search for settings of a method, new or gone on with.

    Args:
        resolve: `--set` words -> the run with them.
        preset, sets: where the search starts.
        search: changes of the method's search space, `KEY=log 0.1 1`.
        sampler: of `SAMPLERS`.
        trials: that the study is to have.
        seed: of the draws and of the runs.
        path: file of the study, or a folder of studies: then it is `PROTOCOL/METHOD[@PRESET]-16bit[-seed1].json` there.
        halving: whether only the better trials go on; None: as the file says, else for methods trained in epochs.

    Raises:
        UserError: the request is wrong, or the file holds another study.
        NoSpaceError: the method has no search space.
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
    space, rates = with_rates(with_changes(catalog, method, search, recipe), search, defaults)
    if not space and not defaults.hparams and not defaults.optimizer:
        raise NoSpaceError(f"method {method} has no hyper-parameters: there is nothing to tune: run it as it is")
    if not space:
        raise NoSpaceError(
            f"method {method} has no search space in its registry entry: give one with --search 'KEY=log LOW HIGH'"
        )
    types = {"optimizer": defaults.optimizer.get("type", ""), "schedule": defaults.schedule.get("type", "")}
    whole = whole_numbers(catalog, method, space, types)
    deep = catalog.method(method).kind == "deep"
    if halving and not deep:
        raise UserError(f"--halving: method {method} is fitted in one go: it has no epochs to stop after")
    if path.suffix != ".json":
        path = path / defaults.protocol / study_name(method, preset, defaults.bits, seed)
    from hashbench.engine.experiment import current_description  # torch: only now that the request is sound

    facts = current_description(defaults, catalog)
    asked = Study(
        method=method,
        preset=preset,
        sets=start,
        sampler=sampler,
        seed=seed,
        search=space,
        rates=rates,
        halving=deep if halving is None else halving,
        run=_without_folders(defaults),
        content={name: facts[name] for name in ("data", "split", "weights")},
    )
    study = continued(asked, path, free=() if halving is not None else ("halving",))
    return Search(study, path, make_spec, trials, whole)


def _without_folders(spec: RunSpec) -> dict[str, Any]:
    """The identity of a run with the name of its weights for their path: a study is read on other machines too.

    What the weights are, their checksum says (`Study.content`).
    """
    return spec.identity() | {"weights": spec.weights.name if spec.weights else None}


def study_name(method: str, preset: str | None, bits: int, seed: int = 0) -> str:
    """Name of the file of a study.

    >>> study_name("csq", None, 16), study_name("csq", "paper", 64, 1)
    ('csq-16bit.json', 'csq@paper-64bit-seed1.json')
    """
    start = f"@{preset}" if preset and preset != "default" else ""
    return f"{method}{start}-{bits}bit" + (f"-seed{seed}" if seed else "") + ".json"


def tune_method(
    catalog: Catalog,
    resolve: Callable[[Sequence[str]], RunSpec],
    make_executor: Callable[[], Executor],
    tell: Callable[[str], None],
    **request: Any,
) -> tuple[Study, Path]:
    """Try settings of one method until its study has all its trials.

    Args:
        make_executor: makes what the trials are done with.
        tell: called with a line for each trial that is over.
        request: as of `make_search`.

    Returns:
        The study and its file.

    Raises:
        UserError: the request is wrong, or the file holds another study.
        RunFailedError: every trial failed, or every one but the defaults, or some were lost.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    search = make_search(catalog, resolve, **request)
    tune([search], make_executor, tell)
    check_scores(search)
    return search.study, search.path


def check_scores(search: Search) -> None:
    """Raise RunFailedError where nothing was learnt: no trial, or none but the defaults, has a score."""
    study = search.study
    failed = [trial for trial in study.trials if trial.failure]
    if len(failed) == len(study.trials):
        raise RunFailedError(f"all {len(failed)} trials of {study.method} failed; the first: {failed[0].failure}")
    scored = [trial for trial in study.trials if not trial.failure]
    if failed and [trial.number for trial in scored] == [0]:
        raise RunFailedError(
            f"{study.method}: all {len(failed)} settings that were drawn failed, only the defaults have a score "
            f"({scored[0].score:.4f}): change --search, with another --out than {search.path}. The first: "
            f"{failed[0].failure}"
        )
