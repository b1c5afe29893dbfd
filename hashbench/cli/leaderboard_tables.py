"""What `hashbench leaderboard` prints: the tables, the differences of two methods, the average ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from hashbench.cli.tables import console_for_tables, print_table
from hashbench.results.sections import LEGEND

if TYPE_CHECKING:
    from hashbench.results.average_rank import AverageRanks
    from hashbench.results.paired import PairedDifference
    from hashbench.results.sections import Section


def show_sections(parts: Sequence[Section]) -> None:
    """Print the leaderboard."""
    console = console_for_tables()
    for part in parts:
        left = [column.title for column in part.layout if column.left]
        whole = [column.title for column in part.layout if column.whole]
        print_table(console, part.heading, part.note, part.columns, part.rows, left=left, whole=whole)
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
    print_table(console_for_tables(), title, note, columns, rows, left=("protocol", "seeds", ""), whole=columns)


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
    print_table(console_for_tables(), "Average rank", note, columns, rows, left=("method",), whole=columns)
