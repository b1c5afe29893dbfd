"""Tables of results on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from hashbench.cli.console import Console

_WIDTH_OF_A_FILE = 200
"""Characters of a line where the output is no terminal: no cell is folded."""


def console_for_tables() -> Console:
    """As wide as it needs where nobody looks at a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH_OF_A_FILE)


def print_table(
    console: Console,
    title: str,
    note: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str],
    whole: Sequence[str],
) -> None:
    """Print one table; columns named in `left` start at the left, those named in `whole` are not folded."""
    grid: Any = Table(title=Text(title), title_justify="left")
    for column in columns:
        grid.add_column(column, justify="left" if column in left else "right", no_wrap=column in whole)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)
    if note:
        console.print(Text(note, style="italic"))
