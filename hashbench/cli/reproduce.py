"""`hashbench reproduce TABLE`: a table or figure of the papers, our numbers beside the printed ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, cast

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.cli.run_options import WorkerOptions, with_options
from hashbench.cli.say import put, say
from hashbench.paths import exists, expanded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from hashbench.reproduce.plan import Plan
    from hashbench.reproduce.targets import Budget
    from hashbench.results.folder import RunFolder
    from hashbench.sweeps.executors import Executor

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@with_options
def reproduce(
    workers: WorkerOptions,
    table: Annotated[
        Optional[str], typer.Argument(help="table2, fig4, linf-table2, ...; nothing: the list of them.")
    ] = None,
    budget: Annotated[
        str, typer.Option(help="smoke: digits, a minute. cpu: CIFAR-10, frozen features. full: the paper's protocol.")
    ] = "smoke",
    methods: Annotated[Optional[str], typer.Option(help="Only these of the table, comma-separated.")] = None,
    bits: Annotated[Optional[str], typer.Option(help="Code lengths, in place of the budget's.")] = None,
    seeds: Annotated[Optional[str], typer.Option(help="Seeds: 0-2 or 0,3,5, in place of the budget's.")] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Epochs, in place of the budget's.")] = None,
    data_root: Annotated[
        Optional[list[str]], typer.Option(help="DATASET=PATH, or PATH for all data sets. Repeatable.")
    ] = None,
    weights: Annotated[Optional[Path], typer.Option(help="File of backbone weights.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the runs and of the comparison.")] = Path("runs"),
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Make a table or figure of the papers again, and say what was reduced and what is not comparable.

    Finished runs are used as they are: the same call completes a killed one, and a call after that only prints.
    """
    from hashbench.catalog import load_catalog
    from hashbench.cli.lists import numbers, words
    from hashbench.errors import UserError, did_you_mean
    from hashbench.reproduce.plan import make_plan
    from hashbench.reproduce.planner import Choices
    from hashbench.reproduce.targets import BUDGETS

    if table is None:
        _list_targets()
        return
    if budget not in BUDGETS:
        raise UserError(f"--budget {budget}: no such budget. {did_you_mean(budget, BUDGETS)}")
    catalog = load_catalog(plugin or (), imports=import_ or ())
    executor = workers.choose(catalog)
    choices = Choices(
        methods=words(methods, "--methods") if methods is not None else None,
        bits=numbers(bits, "--bits") if bits is not None else None,
        seeds=numbers(seeds, "--seeds") if seeds is not None else None,
        epochs=epochs,
        roots=_roots(data_root or [], catalog.datasets),
        weights=weights,
        out=out,
        device=device,
        plugins=tuple(plugin or ()),
    )
    plan = make_plan(table, cast("Budget", budget), catalog, choices)
    _work(plan, lambda: executor.make(device), out)


def _work(plan: Plan, make_executor: Callable[[], Executor], out: Path) -> None:
    from hashbench.errors import RunFailedError
    from hashbench.reproduce.plan import run_key
    from hashbench.reproduce.rows import make_rows
    from hashbench.reproduce.write import to_csv, to_markdown
    from hashbench.results.atomic import write_errors_explained, write_text
    from hashbench.sweeps.known_runs import KnownRuns
    from hashbench.sweeps.sweep import sweep

    for line in plan.reduced:
        say(f"reduced: {line}")
    outcome = sweep(plan.runs, make_executor, say)
    known = KnownRuns()
    finished = {run_key(spec): run for spec in plan.runs if (run := known.finished(spec)) is not None}
    records = {key: run.record for key, run in finished.items()}
    rows = make_rows(plan, records)
    text = to_markdown(plan, rows, records.values(), [str(failure) for failure in outcome.failed])
    stem = f"{plan.name}-{plan.budget}"
    with write_errors_explained(out):
        out.mkdir(parents=True, exist_ok=True)
    write_text(out / f"{stem}.md", text)
    write_text(out / f"{stem}.csv", to_csv(plan.name, plan.budget, rows))
    put(text)
    put(f"comparison in {out / stem}.md and .csv; runs in {out}")
    if plan.target.figures and finished:
        _draw(plan, list(finished.values()), out / stem)
    if outcome.no_room:
        raise RunFailedError(f"no room to write in {out}: free space, then the same command goes on")
    if outcome.failed:
        raise typer.Exit(1)


def _draw(plan: Plan, runs: list[RunFolder], folder: Path) -> None:
    from hashbench.cli.say import say
    from hashbench.report.figures.draw import INDEX, draw_figures

    drawn = draw_figures(runs, folder, kinds=plan.target.figures)
    for problem in drawn.problems:
        say(f"warning: {problem}")
    put(f"{sum(map(len, drawn.files.values()))} figures in {folder}; {folder / INDEX} says what each shows")


def _roots(given: list[str], datasets: Collection[str]) -> dict[str, Path]:
    """`cifar10=DIR` or `DIR` -> data set ("" for all) -> path."""
    from hashbench.errors import UserError, did_you_mean, shown

    roots: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals:
            name, path = "", text
        if name and name not in datasets:
            raise UserError(f"--data-root {text}: no data set named {shown(name)}. {did_you_mean(name, datasets)}")
        if not exists(place := expanded(path)):
            raise UserError(f"--data-root {text}: there is no such file or folder: {path or 'nothing given'}")
        roots[name] = place
    return roots


def _list_targets() -> None:
    from hashbench.reproduce.targets import BUDGETS, targets_file

    for name, target in targets_file().targets.items():
        put(f"{name:<12} {target.title}")
    put(f"\nhashbench reproduce NAME --budget {'|'.join(BUDGETS)}")
