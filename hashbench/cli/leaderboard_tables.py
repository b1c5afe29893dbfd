"""What `hashbench leaderboard` prints: the tables, the differences of two methods, the average ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from hashbench.cli.console import Console
from hashbench.results.sections import LEGEND

if TYPE_CHECKING:
    from hashbench.results.average_rank import AverageRanks
    from hashbench.results.paired import PairedDifference
    from hashbench.results.sections import Section

_WIDTH_OF_A_FILE = 200
"""Characters of a line where the output is no terminal: no cell is folded."""


def show_sections(parts: Sequence[Section]) -> None:
    """Print the leaderboard."""
    console = _console()
    for part in parts:
        left = [column.title for column in part.layout if column.left]
        whole = [column.title for column in part.layout if column.whole]
        _print(console, part.heading, part.note, part.columns, part.rows, left=left, whole=whole)
    if parts:
        console.print(Text(LEGEND, style="dim"))


def show_paired_differences(found: Sequence[PairedDifference], names: tuple[str, str], metric: str) -> None:
    """Print the difference of two methods, one line per protocol and number of bits."""
    rows = []
    for protocol, fingerprint, bits, seeds, difference in found:
        d = difference
        verdict = "not separable" if not d.separable else f"{names[0] if d.mean > 0 else names[1]} is higher"
        smallest = d.p_value <= 2 / 1000
        rows.append(
            [
                f"{protocol} ({fingerprint[:8]})",
                str(bits),
                "1 seed" if len(seeds) == 1 else f"{len(seeds)} seeds",
                str(d.queries),
                f"{d.mean:+.4f}",
                f"[{d.low:+.4f}, {d.high:+.4f}]",
                "< 0.002" if smallest else f"{d.p_value:.3f}",
                verdict,
            ]
        )
    columns = ["protocol", "bits", "seeds", "queries", "difference", "95 % interval", "p", ""]
    note = (
        "Paired bootstrap over queries, values averaged over the common seeds. It speaks of other queries for these "
        "trained models, not of other trainings; p is not corrected for the number of lines."
    )
    title = f"{metric}: {names[0]} minus {names[1]}"
    _print(_console(), title, note, columns, rows, left=("protocol", "seeds", ""), whole=columns)


def show_average_ranks(ranks: AverageRanks) -> None:
    """Print the methods by average rank, and which are not separable."""
    rows = [[f"{rank:.2f}", name] for name, rank in zip(ranks.methods, ranks.ranks, strict=True)]
    test = ranks.test
    groups = "; ".join(f"{ranks.methods[first]} to {ranks.methods[last]}" for first, last in ranks.groups)
    note = (
        f"Over {', '.join(ranks.comparisons)}. Friedman: chi2 = {test.chi2:.2f}, F = {test.f:.2f}, "
        f"p = {test.p_value:.2g}. Critical difference (Nemenyi, 0.05): {ranks.critical_difference:.2f}. "
        f"Not separable: {groups or 'none'}. {ranks.caution}"
    ).rstrip()
    if ranks.left_out:
        note += f" Left out, not in all of them: {', '.join(ranks.left_out)}."
    columns = ["average rank", "method"]
    _print(_console(), "Average rank", note, columns, rows, left=("method",), whole=columns)


def _console() -> Console:
    """As wide as it needs where nobody looks at a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH_OF_A_FILE)


def _print(
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
