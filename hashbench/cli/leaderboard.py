"""`hashbench leaderboard`: from run folders to a table, on the terminal and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.cli.say import say
from hashbench.errors import UserError

if TYPE_CHECKING:
    from hashbench.tuning.study import Study

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders that hold runs, at any depth.", show_default=False)],
    csv: Annotated[Optional[Path], typer.Option(help="Write all columns as CSV to this file.")] = None,
    markdown: Annotated[Optional[Path], typer.Option(help="Write the tables as Markdown to this file.")] = None,
    latex: Annotated[Optional[Path], typer.Option(help="Write methods x bits as LaTeX to this file.")] = None,
    html: Annotated[Optional[Path], typer.Option(help="Write one page for a browser to this file.")] = None,
    studies: Annotated[
        Optional[list[Path]],
        typer.Option(
            help="With --html: a file of `hashbench tune`, or a folder of them, for tuning curves. Repeatable."
        ),
    ] = None,
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
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Summarise runs over seeds: one row per protocol, method, hyper-parameters and bits.

    Rows of different protocol fingerprints are never ranked together. Results that cannot be read are named and left
    out, values per query that cannot be read are named and not used for ranks; the exit code is then 1.
    """
    from hashbench.cli.leaderboard_tables import show_average_ranks, show_paired_differences, show_sections
    from hashbench.cli.own_metrics import import_metrics
    from hashbench.cli.selection import finished_runs
    from hashbench.cli.studies import chosen_studies
    from hashbench.results.atomic import write_text
    from hashbench.results.known_metric import known_metric
    from hashbench.results.leaderboard import headings, sections, table, to_csv, to_markdown
    from hashbench.results.per_query import over_queries

    if studies and not html:
        raise UserError("--studies: tuning curves are on the page of --html; `hashbench tuning-curves` prints them")
    found, problems = finished_runs(runs, protocol=protocol, bits=bits, methods=methods)
    records = [run.record for run in found]
    searches: list[tuple[Path, Study]] = []
    no_studies: list[str] = []
    if studies:
        searches, no_studies = chosen_studies(studies, protocol=protocol, bits=bits, methods=methods, all_there=False)
    import_metrics(plugin, import_, {name for record in records for name in record.metrics})
    left_out = len(problems)
    problems += no_studies
    queries, unread = over_queries(found, metric)
    for problem in unread:
        say(f"warning: {problem}")
    problems += unread
    frame = table(records, metric=metric, queries=queries)
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
        from hashbench.tuning.tuning_curves import tuning_curves

        write_text(html, to_html(frame, records, metric=metric, left_out=left_out, tuning=tuning_curves(searches)))
    if compare:
        from hashbench.results.paired import paired_differences

        show_paired_differences(paired_differences(found, *compare, metric=metric), compare, metric)
    if average_rank or critical_difference:
        from hashbench.results.average_rank import average_ranks

        ranks = average_ranks(frame, metric, higher_is_better=known_metric(metric).metric.higher_is_better)
        show_average_ranks(ranks)
        if critical_difference:
            from hashbench.report.critical_difference import write_critical_difference

            write_critical_difference(ranks, critical_difference)
    if problems:
        raise typer.Exit(1)
