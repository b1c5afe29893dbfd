"""`hashbench leaderboard`: from run folders to a table, on the terminal and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.results.record import ResultRecord
    from hashbench.results.sections import Section

_WIDTH_OF_A_FILE = 200
"""Characters of a line where the output is no terminal: no cell is folded."""


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders that hold runs, at any depth.", show_default=False)],
    csv: Annotated[Path | None, typer.Option(help="Write all columns as CSV to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown to this file.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only this protocol.")] = None,
    bits: Annotated[str | None, typer.Option(help="Only these code lengths: 32, or 16,32.")] = None,
    metric: Annotated[str, typer.Option(help="Sort and rank by this metric.")] = "map",
) -> None:
    """Summarise runs over seeds: one row a protocol, method, hyper-parameters and bits.

    Rows of different protocol fingerprints are never ranked together. Results that cannot be read are named and left
    out; the exit code is then 1.
    """
    from hashbench.results.atomic import write_text
    from hashbench.results.leaderboard import collect, headings, sections, table, to_csv, to_markdown

    records, problems, unfinished = collect(runs)
    for problem in problems:
        typer.echo(f"warning: {problem}", err=True)
    if unfinished:
        typer.echo(f"{unfinished} unfinished {'run is' if unfinished == 1 else 'runs are'} not shown.", err=True)
    if records:
        records = _chosen(records, protocol, _bits(bits))
    elif not problems:
        places = ", ".join(str(run) for run in runs)
        raise UserError(f"{places}: no finished run. Make one with `hashbench run --method NAME --out DIR`.")

    frame = table(records, metric=metric)
    differences = headings(records)
    _show(sections(frame, metric=metric, differences=differences))
    if csv:
        write_text(csv, to_csv(frame))
    if markdown:
        write_text(markdown, to_markdown(frame, metric=metric, differences=differences))
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


def _chosen(records: Sequence[ResultRecord], protocol: str | None, bits: Sequence[int] | None) -> list[ResultRecord]:
    """Those that were asked for; asking for what no run has is an error that says what there is."""
    protocols = {record.protocol for record in records}
    if protocol is not None and protocol not in protocols:
        raise UserError(f"no run of protocol {protocol!r}. {did_you_mean(protocol, protocols)}")
    records = [record for record in records if protocol in (None, record.protocol)]
    there = {record.bits for record in records}
    absent = sorted(set(bits or ()) - there)
    if absent:
        raise UserError(f"no run with {_listed(absent)} bits. There are runs with {_listed(sorted(there))} bits.")
    return [record for record in records if bits is None or record.bits in bits]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _show(parts: Sequence[Section]) -> None:
    """Print the sections; as wide as they need where nobody looks at a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hashbench.results.sections import LEGEND

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    for part in parts:
        grid: Any = Table(
            title=Text(part.heading), title_justify="left", caption=Text(part.note), caption_justify="left"
        )
        for place, column in enumerate(part.columns):
            grid.add_column(column, justify="left" if column in ("method", "seeds") else "right", no_wrap=place < 4)
        for row in part.rows:
            grid.add_row(*(Text(cell) for cell in row))
        console.print(grid)
    if parts:
        console.print(Text(LEGEND, style="dim"))
