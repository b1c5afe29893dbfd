"""`hashbench leaderboard`: from run folders to a table, on the terminal and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.errors import UserError, did_you_mean

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.results.collect import StoredRun


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders that hold runs, at any depth.", show_default=False)],
    csv: Annotated[Optional[Path], typer.Option(help="Write all columns as CSV to this file.")] = None,
    markdown: Annotated[Optional[Path], typer.Option(help="Write the tables as Markdown to this file.")] = None,
    latex: Annotated[Optional[Path], typer.Option(help="Write methods x bits as LaTeX to this file.")] = None,
    html: Annotated[Optional[Path], typer.Option(help="Write one page for a browser to this file.")] = None,
    compare: Annotated[
        Optional[tuple[str, str]],
        typer.Option(metavar="A B", help="Difference of two methods, with a paired bootstrap over queries."),
    ] = None,
    average_rank: Annotated[
        bool, typer.Option("--average-rank", help="Rank methods over all protocols and bits shown.")
    ] = False,
    critical_difference: Annotated[
        Optional[Path], typer.Option(help="Draw the average ranks to this .png or .pdf file; both without suffix.")
    ] = None,
    protocol: Annotated[Optional[str], typer.Option(help="Only this protocol.")] = None,
    bits: Annotated[Optional[str], typer.Option(help="Only these code lengths: 32, or 16,32.")] = None,
    methods: Annotated[Optional[str], typer.Option(help="Only these methods: dsh, or dsh,csq.")] = None,
    metric: Annotated[str, typer.Option(help="Sort and rank by this metric.")] = "map",
) -> None:
    """Summarise runs over seeds: one row a protocol, method, hyper-parameters and bits.

    Rows of different protocol fingerprints are never ranked together. Results that cannot be read are named and left
    out; the exit code is then 1.
    """
    from hashbench.cli.leaderboard_tables import show_average_ranks, show_comparisons, show_sections
    from hashbench.results.atomic import write_text
    from hashbench.results.collect import find_runs
    from hashbench.results.leaderboard import headings, higher_is_better, sections, table, to_csv, to_markdown

    found, problems, unfinished = find_runs(runs)
    for problem in problems:
        typer.echo(f"warning: {problem}", err=True)
    if unfinished:
        typer.echo(f"{unfinished} unfinished {'run is' if unfinished == 1 else 'runs are'} not shown.", err=True)
    if found:
        found = _chosen(found, protocol, _bits(bits), _methods(methods))
    elif not problems:
        places = ", ".join(str(run) for run in runs)
        raise UserError(f"{places}: no finished run. Make one with `hashbench run --method NAME --out DIR`.")

    records = [run.record for run in found]
    frame = table(records, metric=metric)
    differences = headings(records)
    show_sections(sections(frame, metric=metric, differences=differences))
    if csv:
        write_text(csv, to_csv(frame))
    if markdown:
        write_text(markdown, to_markdown(frame, metric=metric, differences=differences))
    if latex:
        from hashbench.report.latex import to_latex

        write_text(latex, to_latex(frame, metric=metric, differences=differences))
    if html:
        from hashbench.report.html_page import to_html

        write_text(html, to_html(frame, records, metric=metric, left_out=len(problems)))
    if compare:
        from hashbench.results.comparison import compare as compare_methods

        show_comparisons(compare_methods(found, *compare, metric=metric), compare, metric)
    if average_rank or critical_difference:
        from hashbench.results.average_rank import average_ranks

        ranks = average_ranks(frame, metric, higher_is_better=higher_is_better(metric))
        show_average_ranks(ranks)
        if critical_difference:
            from hashbench.report.critical_difference import write_critical_difference

            write_critical_difference(ranks, critical_difference)
    if problems:
        raise typer.Exit(1)


def _bits(text: str | None) -> list[int] | None:
    """Code lengths as given on the command line."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--bits {text}: give whole numbers from 1 on, with commas between them: --bits 16,32.")
    return [int(part) for part in parts]


def _methods(text: str | None) -> list[str] | None:
    """Names of methods as given on the command line."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"--methods {text}: give names with commas between them: --methods dsh,csq.")
    return names


def _chosen(
    runs: Sequence[StoredRun], protocol: str | None, bits: Sequence[int] | None, methods: Sequence[str] | None
) -> list[StoredRun]:
    """Those that were asked for; asking for what no run has is an error that says what there is."""
    protocols = {run.record.protocol for run in runs}
    if protocol is not None and protocol not in protocols:
        raise UserError(f"no run of protocol {protocol!r}. {did_you_mean(protocol, protocols)}")
    runs = [run for run in runs if protocol in (None, run.record.protocol)]
    known = {run.record.method for run in runs}
    for name in methods or ():
        if name not in known:
            raise UserError(f"no run of method {name!r}. {did_you_mean(name, known)}")
    runs = [run for run in runs if methods is None or run.record.method in methods]
    there = {run.record.bits for run in runs}
    absent = sorted(set(bits or ()) - there)
    if absent:
        raise UserError(f"no run with {_listed(absent)} bits. There are runs with {_listed(sorted(there))} bits.")
    return [run for run in runs if bits is None or run.record.bits in bits]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
