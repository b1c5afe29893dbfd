"""`hashbench tune METHOD --trials N`: a search on validation, and the commands that use its best setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hashbench.cli.run_options import RunOptions, WorkerOptions, with_options

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
        typer.Option(help="'KEY=log 0.1 1', 'KEY=uniform 0 1' or 'KEY=choice a b': replaces or adds. Repeatable."),
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
    from hashbench.cli.say import say
    from hashbench.errors import RunFailedError, UserError, did_you_mean
    from hashbench.tuning.search_space import SAMPLERS, with_changes
    from hashbench.tuning.set_words import as_set, hyper_parameters, is_hyper_parameter
    from hashbench.tuning.study import Study, continued
    from hashbench.tuning.tune import tune as run_trials

    if trials < 1:
        raise UserError(f"--trials {trials}: at least one is needed")
    if sampler not in SAMPLERS:
        raise UserError(f"--sampler {sampler}: no such sampler. {did_you_mean(sampler, SAMPLERS)}")
    catalog = options.catalog()
    executor = workers.choose(catalog)
    space = with_changes(catalog, method, search or ())
    sets = options.sets or []
    shared = [word for word in sets if not is_hyper_parameter(word)]
    start = hyper_parameters(sets)

    def make_spec(values: dict[str, Any]) -> RunSpec:
        words = [*shared, *start, *(as_set(name, value) for name, value in values.items())]
        return options.resolve(
            catalog, method=method, protocol=protocol, preset=preset, sets=words, bits=bits, seed=seed, out=Path("runs")
        )

    defaults = make_spec({})
    path = out or Path("studies") / f"{protocol}-{method}-{defaults.preset}-{bits}bit-seed{seed}.json"
    asked = Study(
        method=method, preset=preset, sets=start, sampler=sampler, seed=seed, search=space, run=defaults.identity()
    )
    study = continued(asked, path)
    run_trials(study, path, make_spec, trials, lambda: executor.make(options.device), say)
    if all(trial.failure for trial in study.trials):
        raise RunFailedError(f"all {len(study.trials)} trials of {method} failed; the first: {study.trials[0].failure}")
    _report(study, path, protocol, bits, options)


def _report(study: Study, path: Path, protocol: str, bits: int, options: RunOptions) -> None:
    """The best setting, and the commands that run it with test queries and all."""
    import shlex

    best = study.best()
    defaults = next(trial for trial in study.trials if trial.number == 0)
    beside = f"{defaults.score:.4f}" if defaults.failure is None else "failed"
    typer.echo(
        f"{study.method}, {bits} bits: best of {len(study.trials)} trials on validation {best.score:.4f} "
        f"(trial {best.number}; the defaults: {beside})"
    )
    typer.echo("settings: " + (" ".join(study.best_sets()) or "the defaults"))
    typer.echo(f"study: {path}")
    same = shlex.join(["--tuned", str(path), *options.as_words()])
    typer.echo(f"hashbench run --method {study.method} --protocol {protocol} --bits {bits} {same}")
    typer.echo(f"hashbench sweep --methods {study.method} --protocols {protocol} --bits {bits} --seeds 0-2 {same}")
