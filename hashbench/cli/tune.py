"""`hashbench tune METHODS --bits LIST --trials N`: searches on validation, and the command that uses their best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.lists import numbers, words
from hashbench.cli.run_options import RunOptions, WorkerOptions, with_options
from hashbench.cli.say import say

if TYPE_CHECKING:
    from hashbench.catalog import Catalog
    from hashbench.catalog.request import RunSpec
    from hashbench.tuning.under_way import Search

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@with_options
def tune(
    methods: Annotated[
        str,
        typer.Argument(help="Names, comma-separated; NAME@PRESET to start from a preset; `all` with a search space."),
    ],
    *,
    trials: Annotated[int, typer.Option(help="Settings to try of each, the defaults first.")] = 16,
    protocol: Annotated[str, typer.Option(help="What all methods share.")] = "digits",
    bits: Annotated[str, typer.Option(help="Code lengths, comma-separated.")] = "32",
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
    halving: Annotated[
        Optional[bool],
        typer.Option(
            "--halving/--no-halving",
            help="Train all trials to 1/4 of the epochs, half of them to 1/2, a quarter to the end. By default so for "
            "methods that train in epochs.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="Folder of studies, PROTOCOL/METHOD-16bit.json in it; or FILE.json for a single one."),
    ] = Path("studies"),
    workers: WorkerOptions,
    options: RunOptions,
) -> None:
    """Try settings on validation queries only; the test queries stay sealed. The same call goes on after a kill."""
    from hashbench.cli.tune_report import report
    from hashbench.errors import RunFailedError, UserError
    from hashbench.tuning.tune import tune as try_settings
    from hashbench.tuning.tune_method import NoSpaceError, check_scores, make_search

    catalog = options.catalog()
    executor = workers.choose(catalog)
    asked = _asked(catalog, methods, preset)
    lengths = numbers(bits, "--bits")
    several = len(asked) * len(lengths) > 1
    if several and out.suffix == ".json":
        raise UserError(f"--out {out}: {len(asked) * len(lengths)} studies are asked for: name a folder")

    def one(method: str, start: str | None, length: int) -> Search:
        def resolve(sets: Sequence[str]) -> RunSpec:
            return options.resolve(
                catalog,
                method=method,
                protocol=protocol,
                preset=start,
                sets=list(sets),
                bits=length,
                seed=seed,
                out=Path("runs"),
            )

        found = make_search(
            catalog,
            resolve,
            method=method,
            preset=start,
            sets=options.sets or [],
            search=search or (),
            sampler=sampler,
            trials=trials,
            seed=seed,
            path=out,
            halving=halving,
        )
        found.label = f"{found.study.name}, {length} bits" if several else ""
        return found

    searches, without = [], []
    for method, start in asked:
        try:
            searches += [one(method, start, length) for length in lengths]
        except NoSpaceError:
            if methods != "all":
                raise
            without.append(method)
    if without:
        say(f"no search space: {', '.join(without)}")
    if not searches:
        raise UserError("no method has a search space: give one with --search 'KEY=log LOW HIGH'")
    refused = try_settings(searches, lambda: executor.make(options.device), say)
    problems = [f"{searches[position].label}: {reason}" for position, reason in refused.items()]
    found = []
    for search_ in (search_ for position, search_ in enumerate(searches) if position not in refused):
        try:
            check_scores(search_)
            found.append(search_)
        except RunFailedError as error:
            if not several:
                raise
            problems.append(f"{search_.label}: {error}")
    if found:
        report(found, out, protocol, options)
    for problem in problems:
        say(problem)
    if problems:
        raise typer.Exit(1)


def _asked(catalog: Catalog, methods: str, preset: str | None) -> list[tuple[str, str | None]]:
    """Methods, each with the preset from which its search starts."""
    from hashbench.errors import UserError

    found = []
    for name in catalog.methods if methods == "all" else words(methods, "METHODS"):
        method, at, start = name.partition("@")
        if at and preset:
            raise UserError(f"{name} and --preset {preset}: where the search starts is said twice; give one of them")
        found.append((method, start or preset))
    return found
