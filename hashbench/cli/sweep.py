"""`hashbench sweep`: methods x presets x bits x seeds x protocols, on this machine or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from hashbench.cli.lists import numbers, words
from hashbench.cli.run_options import RunOptions, WorkerOptions, with_options
from hashbench.cli.say import put, say

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@with_options
def sweep(
    methods: Annotated[str, typer.Option(help="Names, comma-separated; NAME@PRESET for a preset; `all`.")],
    *,
    bits: Annotated[str, typer.Option(help="Code lengths, comma-separated.")] = "16,32,64",
    seeds: Annotated[str, typer.Option(help="Seeds: 0-2 or 0,3,5.")] = "0-2",
    protocols: Annotated[str, typer.Option(help="Names, comma-separated.")] = "digits",
    tuned: Annotated[
        Optional[list[Path]],
        typer.Option(help="Folder or file of `hashbench tune`: each run takes the best of its study. Repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    retry: Annotated[int, typer.Option(help="Times that a crashed run is tried again in this call.")] = 0,
    workers: WorkerOptions,
    options: RunOptions,
) -> None:
    """Run many, skip what is finished, go on with what was interrupted. The same call completes a killed sweep."""
    from hashbench.cli.tuned import TunedSettings
    from hashbench.errors import RunFailedError, UserError
    from hashbench.sweeps.sweep import sweep as do_runs

    if retry < 0:
        raise UserError(f"--retry {retry}: a number of times, 0 or more")
    catalog = options.catalog()
    executor = workers.choose(catalog)
    names = list(catalog.methods) if methods == "all" else words(methods, "--methods")
    asked = [(method, preset or None) for method, _, preset in (name.partition("@") for name in names)]
    settings = TunedSettings(tuned or [])
    specs = [
        settings.resolve(
            options, catalog, method=method, preset=preset, protocol=protocol, bits=length, seed=seed, out=out
        )
        for protocol in words(protocols, "--protocols")
        for length in numbers(bits, "--bits")
        for seed in numbers(seeds, "--seeds")
        for method, preset in asked
    ]
    outcome = do_runs(specs, lambda: executor.make(options.device), say, retry=retry)
    put(f"{len(outcome.done)} done, {outcome.skipped} finished before, {len(outcome.failed)} failed")
    for failure in outcome.failed:
        put(f"  {failure}")
    if outcome.no_room:
        raise RunFailedError(
            f"no room to write in {out}: {outcome.not_begun} runs were not begun; what is finished is whole; "
            "free space, then the same command goes on"
        )
    if outcome.failed:
        put("the same command tries what failed again")
    put(f"next: hashbench leaderboard {out} --csv leaderboard.csv")
    if outcome.failed:
        raise typer.Exit(1)
