"""`hashbench tune METHOD --trials N`: a search on validation, and the words that repeat its best setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from hashbench.cli.options import Plugins

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def tune(
    method: Annotated[str, typer.Argument(help="A method with a search space; see `hashbench show METHOD`.")],
    trials: Annotated[int, typer.Option(help="Settings to try, the defaults first.")] = 16,
    protocol: Annotated[str, typer.Option(help="What all methods share.")] = "digits",
    bits: Annotated[int, typer.Option(help="Code length.")] = 32,
    seed: Annotated[int, typer.Option(help="Of the draws and of the runs.")] = 0,
    preset: Annotated[Optional[str], typer.Option(help="Where the search starts.")] = None,
    sets: Annotated[Optional[list[str]], typer.Option("--set", help="key=value in every trial. Repeatable.")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Epochs of a trial.")] = None,
    weights: Annotated[Optional[Path], typer.Option(help="File of backbone weights.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the data.")] = None,
    jobs: Annotated[Optional[int], typer.Option(help="Processes at a time; the number of cores by default.")] = None,
    out: Annotated[Optional[Path], typer.Option(help="JSON file of all trials.")] = None,
    plugin: Plugins = None,
) -> None:
    """Try settings on validation queries only; the test queries stay sealed."""
    import json
    import math
    import os
    import sys
    from dataclasses import asdict

    from hashbench.catalog import load_catalog
    from hashbench.engine.spec import resolve
    from hashbench.engine.tune import draw
    from hashbench.engine.tune import tune as search
    from hashbench.errors import RunFailedError, UserError

    catalog = load_catalog(plugin or ())
    entry = catalog.method(method)
    if not entry.search:
        raise UserError(f"method {method} has no search space in its registry entry: nothing to tune")
    if trials < 1 or (jobs is not None and jobs < 1):
        raise UserError(f"--trials {trials}, --jobs {jobs}: at least one is needed")
    options: dict[str, Any] = {"device": device, "data_root": data_root, "weights": weights, "out": Path("runs")}
    specs = []
    for number in range(trials):
        values = draw(entry.search, seed, method, number)
        words = [*(sets or ()), *(f"{name}={value}" for name, value in values.items())]
        spec = resolve(
            catalog,
            method=method,
            protocol=protocol,
            preset=preset,
            sets=words,
            changes={"epochs": epochs},
            bits=bits,
            seed=seed,
            plugins=tuple(plugin or ()),
            **options,
        )
        specs.append((values, spec))
    done = search(specs, jobs or os.cpu_count() or 1, lambda text: print(text, file=sys.stderr, flush=True))
    if out is not None:
        content = {
            "method": method,
            "protocol": protocol,
            "bits": bits,
            "seed": seed,
            "trials": [asdict(t) for t in done],
        }
        out.write_text(json.dumps(content, indent=1) + "\n")
    valid = [trial for trial in done if not math.isnan(trial.score)]
    if not valid:
        raise RunFailedError(f"all {trials} trials of {method} failed; the first: {done[0].failure}")
    best = max(valid, key=lambda trial: trial.score)
    typer.echo(f"{method}, {bits} bits: best of {trials} trials on validation {best.score:.4f} (trial {best.number})")
    flags = " ".join(f"--set {name}={value}" for name, value in best.values.items())
    typer.echo(f"hashbench run --method {method} --protocol {protocol} --bits {bits} {flags}".rstrip())
