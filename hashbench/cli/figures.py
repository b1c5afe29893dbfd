"""`hashbench figures`: from run folders to the figures of the papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.cli.say import put, say
from hashbench.paths import is_file

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def figures(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that hold runs, at any depth; and study files of `hashbench tune`.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the figures and their index.md.", show_default=False)],
    kinds: Annotated[
        Optional[str],
        typer.Option(
            help="Only these, with commas between them: training, topk, radius, pr, bits, radius-bits, tradeoff, "
            "distances, sensitivity, tuning, optimizers, diagnostics, codes. By default all that the runs allow."
        ),
    ] = None,
    formats: Annotated[str, typer.Option("--format", help="png, pdf, or both.")] = "png,pdf",
    methods: Annotated[
        Optional[str], typer.Option(help="Only these methods, in this order: dualhash_stom,hashnet.")
    ] = None,
    bits: Annotated[Optional[str], typer.Option(help="Only these code lengths: 32, or 16,32.")] = None,
    protocol: Annotated[Optional[str], typer.Option(help="Only this protocol.")] = None,
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Draw figures from finished runs and studies; index.md in the folder says what each shows.

    Runs of different protocol fingerprints never share a figure. --methods, --bits and --protocol choose runs; a study
    that is named is drawn. Runs that cannot be read are named and left out; the
    exit code is then 1.
    """
    from hashbench.cli.console import Console
    from hashbench.cli.own_metrics import import_metrics
    from hashbench.cli.selection import finished_runs
    from hashbench.report.figures.draw import INDEX, check_names, draw_figures
    from hashbench.tuning.study import load_study

    asked, endings = check_names(_listed(kinds), _listed(formats))
    files = list(dict.fromkeys(path for path in runs if is_file(path)))
    studies = [(path, load_study(path)) for path in files]
    folders = [path for path in runs if path not in files]
    chosen, problems = finished_runs(folders, protocol=protocol, bits=bits, methods=methods) if folders else ([], [])
    import_metrics(plugin, import_, {name for run in chosen for name in run.record.metrics})
    if chosen or studies:
        with Console(stderr=True).status("measuring codes") as progress:
            drawn = draw_figures(
                chosen,
                out,
                studies=studies,
                kinds=asked,
                formats=endings,
                first=_listed(methods) or (),
                tell=lambda name: progress.update(f"drawing {name}"),
            )
        problems += drawn.problems
        for problem in drawn.problems:
            say(f"warning: {problem}")
        for kind, files in drawn.files.items():
            put(f"{kind:<12} {_files(len(files)):>9}  {files[0].name}{', ...' if len(files) > 1 else ''}")
        for kind, needs in drawn.skipped.items():
            put(f"{kind:<12} not drawn: no run has {needs}")
        put(f"{_files(sum(map(len, drawn.files.values())))} in {out}; {out / INDEX} says what each shows.")
    if problems:
        raise typer.Exit(1)


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _listed(text: str | None) -> list[str] | None:
    """Names with commas between them."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
