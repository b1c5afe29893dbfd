"""`hashbench sweep`: methods x presets x bits x seeds x protocols, in processes on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from hashbench.cli.options import Plugins

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def sweep(
    methods: Annotated[str, typer.Option(help="Names, comma-separated; NAME@PRESET for a preset; `all`.")],
    bits: Annotated[str, typer.Option(help="Code lengths, comma-separated.")] = "16,32,64",
    seeds: Annotated[str, typer.Option(help="Seeds: 0-2 or 0,3,5.")] = "0-2",
    protocols: Annotated[str, typer.Option(help="Names, comma-separated.")] = "digits",
    sets: Annotated[Optional[list[str]], typer.Option("--set", help="key=value for every run. Repeatable.")] = None,
    weights: Annotated[Optional[Path], typer.Option(help="File of backbone weights.")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Epochs of training.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the data.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    jobs: Annotated[Optional[int], typer.Option(help="Processes at a time; the number of cores by default.")] = None,
    plugin: Plugins = None,
) -> None:
    """Run many, skip what is finished, go on with what was interrupted. The same call completes a killed sweep."""
    import os
    import sys

    from hashbench.catalog import load_catalog
    from hashbench.engine.spec import resolve
    from hashbench.engine.sweep import sweep as work_off
    from hashbench.errors import UserError

    catalog = load_catalog(plugin or ())
    names = list(catalog.methods) if methods == "all" else _words(methods, "--methods")
    options: dict[str, Any] = {"device": device, "data_root": data_root, "weights": weights, "out": out}
    specs = []
    for protocol in _words(protocols, "--protocols"):
        for length in _numbers(bits, "--bits"):
            for seed in _numbers(seeds, "--seeds"):
                for name in names:
                    method, _, preset = name.partition("@")
                    specs.append(
                        resolve(
                            catalog,
                            method=method,
                            preset=preset or None,
                            protocol=protocol,
                            bits=length,
                            seed=seed,
                            sets=sets or (),
                            changes={"epochs": epochs},
                            plugins=tuple(plugin or ()),
                            **options,
                        )
                    )
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: at least one process is needed")
    outcome = work_off(specs, jobs or os.cpu_count() or 1, lambda text: print(text, file=sys.stderr, flush=True))
    typer.echo(f"{len(outcome.done)} done, {outcome.skipped} finished before, {len(outcome.failed)} failed")
    for failure in outcome.failed:
        typer.echo(f"  {failure}")
    typer.echo(f"next: hashbench leaderboard {out} --csv leaderboard.csv")
    if outcome.failed:
        raise typer.Exit(1)


def _words(text: str, option: str) -> list[str]:
    from hashbench.errors import UserError

    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UserError(f"{option} {text!r}: expected names, comma-separated")
    return words


def _numbers(text: str, option: str) -> list[int]:
    """`0-2,5` -> [0, 1, 2, 5]."""
    from hashbench.errors import UserError

    numbers: list[int] = []
    for word in _words(text, option):
        first, dash, last = word.partition("-")
        try:
            numbers += range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            raise UserError(f"{option} {text!r}: expected whole numbers or ranges, such as 16,32 or 0-4") from None
    return numbers
