"""`hashbench tune METHOD --trials N`: a search on validation, and the commands that use its best setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.run_options import RunOptions, WorkerOptions, with_options
from hashbench.cli.say import put, say

if TYPE_CHECKING:
    from hashbench.catalog.request import RunSpec
    from hashbench.tuning.study import Study

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@with_options
def tune(
    method: Annotated[str, typer.Argument(help="A method with a search space; see `hashbench show METHOD`.")],
    *,
    trials: Annotated[int, typer.Option(help="Settings to try, the defaults first.")] = 16,
    protocol: Annotated[str, typer.Option(help="What all methods share.")] = "digits",
    bits: Annotated[int, typer.Option(help="Code length.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of the draws and of the runs.")] = 0,
    preset: Annotated[Optional[str], typer.Option(help="Where the search starts.")] = None,
    search: Annotated[
        Optional[list[str]],
        typer.Option(
            help="'KEY=log 0.1 1', 'KEY=uniform 0 1' or 'KEY=choice a b': replaces or adds. Draws are whole numbers "
            "where KEY takes those. Repeatable."
        ),
    ] = None,
    sampler: Annotated[
        str, typer.Option(help="named: draws that depend on nothing else; tpe: Optuna's TPE.")
    ] = "named",
    out: Annotated[
        Optional[Path],
        typer.Option(help="JSON file of all trials, gone on with. By default studies/PROTOCOL-METHOD-...json."),
    ] = None,
    workers: WorkerOptions,
    options: RunOptions,
) -> None:
    """Try settings on validation queries only; the test queries stay sealed. The same call goes on after a kill."""
    from hashbench.tuning.tune_method import tune_method

    catalog = options.catalog()
    executor = workers.choose(catalog)

    def resolve(sets: Sequence[str]) -> RunSpec:
        return options.resolve(
            catalog,
            method=method,
            protocol=protocol,
            preset=preset,
            sets=list(sets),
            bits=bits,
            seed=seed,
            out=Path("runs"),
        )

    study, path = tune_method(
        catalog,
        resolve,
        lambda: executor.make(options.device),
        say,
        method=method,
        preset=preset,
        sets=options.sets or [],
        search=search or (),
        sampler=sampler,
        trials=trials,
        seed=seed,
        path=out,
    )
    _report(study, path, protocol, bits, options)


def _report(study: Study, path: Path, protocol: str, bits: int, options: RunOptions) -> None:
    """The best setting, and the commands that run it with test queries and all."""
    import shlex

    best = study.best()
    defaults = next((trial for trial in study.trials if trial.number == 0), None)
    beside = "not tried" if defaults is None else "failed" if defaults.failure else f"{defaults.score:.4f}"
    failed = sum(trial.failure is not None for trial in study.trials)
    tried = f"{len(study.trials)} trials" + (f", {failed} of which failed," if failed else "")
    put(
        f"{study.method}, {bits} bits: best of {tried} on validation {best.score:.4f} "
        f"(trial {best.number}; the defaults: {beside})"
    )
    put("settings: " + (" ".join(study.best_sets()) or "the defaults"))
    put(f"study: {path}")
    same = shlex.join(["--tuned", str(path), *options.as_words()])
    put(f"hashbench run --method {study.method} --protocol {protocol} --bits {bits} {same}")
    put(f"hashbench sweep --methods {study.method} --protocols {protocol} --bits {bits} --seeds 0-2 {same}")
