"""The leaderboard as LaTeX: one booktabs table per fingerprint, methods x bits, best bold, second underlined."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hashbench.foreign_text import visible_in_a_line
from hashbench.report.figures.names import quantity
from hashbench.results.columns import TUNED_LESS, tuned_less
from hashbench.results.known_metric import known_metric
from hashbench.results.leaderboard import sections
from hashbench.results.naming import row_names
from hashbench.results.sections import unequal_budgets, warned

if TYPE_CHECKING:
    import pandas as pd

HEAD = "% Made by `hashbench leaderboard --latex`. Needs \\usepackage{booktabs} in the preamble.\n"

_ONE_SEED = "$^{\\dagger}$"
_LINE, _CHARACTER, _CELL = 345.0, 4.6, 61.0
"""Points: the line of the article class, a letter of a name and a cell with its spread, both as set in \\small."""
_SPECIAL = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "·": "$\\cdot$",
    "−": "$-$",
    "±": "$\\pm$",
    "×": "$\\times$",
    "≤": "$\\leq$",
    "–": "--",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def to_latex(frame: pd.DataFrame, *, metric: str = "map", differences: Mapping[str, str] | None = None) -> str:
    """One `table` environment per fingerprint, or several where its numbers of bits do not fit on a line.

    Methods are sorted by their mean over the numbers of bits; those that lack one come last. Numbers that are equal as
    printed are marked alike; there is no second where two are the best. A cell of one seed carries a dagger.

    Args:
        frame: of `hashbench.results.leaderboard.table`.
        metric: what the cells show, mean ± standard deviation over seeds.
        differences: of `hashbench.results.leaderboard.headings`.
    """
    parts = sections(frame, metric=metric, differences=differences)
    groups = frame.groupby("fingerprint", sort=False)
    tables = [
        _table(rows, names, metric, part.heading, (differences or {}).get(str(fingerprint), ""))
        for part, (fingerprint, group) in zip(parts, groups, strict=True)
        for rows, names in _that_fit(group.to_dict("records"))
    ]
    return "\n".join([HEAD, *tables])


def escape(text: str) -> str:
    """Plain text as LaTeX shows it, whatever the engine: a letter that pdfTeX's own fonts lack becomes `?`.

    >>> escape("map_worst, 5 %")
    'map\\\\_worst, 5 \\\\%'
    """
    shown = visible_in_a_line(text)
    return "".join(_SPECIAL.get(c, c if c.isascii() or "\u00c0" <= c <= "\u017f" else "?") for c in shown)


def _that_fit(rows: Sequence[Mapping[Any, Any]]) -> Iterator[tuple[list[Mapping[Any, Any]], list[str]]]:
    """The rows and their names, divided by bits into as few parts as fit on a line of text, about equal in width."""
    names = row_names(rows)
    lengths = sorted({row["bits"] for row in rows})
    room = max(1, int((_LINE - _CHARACTER * max(map(len, names))) / _CELL))
    for part in np.array_split(lengths, math.ceil(len(lengths) / room)):
        kept = [(row, name) for row, name in zip(rows, names, strict=True) if row["bits"] in part]
        yield [row for row, _ in kept], [name for _, name in kept]


def _table(rows: Sequence[Mapping[Any, Any]], names: Sequence[str], metric: str, heading: str, differs: str) -> str:
    better = known_metric(metric).metric.higher_is_better
    lengths = sorted({row["bits"] for row in rows})
    cells = {(name, row["bits"]): _Cell(row, metric) for name, row in zip(names, rows, strict=True)}
    columns = {bits: [cell for (_, length), cell in cells.items() if length == bits] for bits in lengths}
    marks = {bits: _marks([cell.mean for cell in column], better) for bits, column in columns.items()}

    fewer = {name for name, row in zip(names, rows, strict=True) if tuned_less(row)}

    def order(name: str) -> tuple[bool, float]:
        means = [cells[name, bits].mean if (name, bits) in cells else math.nan for bits in lengths]
        missing = any(math.isnan(mean) for mean in means)
        known = [mean for mean in means if not math.isnan(mean)]
        return missing, (-1 if better else 1) * sum(known) / max(len(known), 1)

    def line(name: str) -> str:
        numbers = (_text(cells.get((name, bits)), marks[bits]) for bits in lengths)
        return " & ".join([escape(name + TUNED_LESS * (name in fewer)), *numbers]) + " \\\\"

    lines = [line(name) for name in sorted(dict.fromkeys(names), key=order)]
    key = "-".join([rows[0]["protocol"], str(rows[0]["fingerprint"])[:8], *map(str, lengths)])
    return "\n".join(
        [
            "\\begin{table}",
            "  \\centering\\small",
            "  \\setlength{\\abovecaptionskip}{0pt}\\setlength{\\belowcaptionskip}{6pt}",
            f"  \\caption{{{_caption(rows, metric, heading, differs)}}}",
            f"  \\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', key)}}}",
            f"  \\begin{{tabular}}{{l{'c' * len(lengths)}}}",
            "    \\toprule",
            f"    Method & {' & '.join(f'{bits} bits' for bits in lengths)} \\\\",
            "    \\midrule",
            *(f"    {line}" for line in lines),
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


class _Cell:
    """A mean as it is printed (rounded, so that equal print is equal value), its spread and its number of seeds."""

    def __init__(self, row: Mapping[Any, Any], metric: str) -> None:
        self.digits = known_metric(metric).metric.digits
        self.mean = round(row[f"{metric}_mean"], self.digits)
        self.std = row[f"{metric}_std"]
        self.seeds = row["seeds"]


def _marks(means: Sequence[float], higher_is_better: bool) -> dict[float, str]:
    """Command for the best value of a column, and for the second where one is alone the best."""
    known = sorted((mean for mean in means if not math.isnan(mean)), reverse=higher_is_better)
    marks = {known[0]: "textbf"} if known else {}
    if len(known) > 1 and known[1] != known[0]:
        marks[known[1]] = "underline"
    return marks


def _text(cell: _Cell | None, marks: Mapping[float, str]) -> str:
    if cell is None or math.isnan(cell.mean):
        return "--"
    number = f"{cell.mean:.{cell.digits}f}"
    if cell.mean in marks:
        number = f"\\{marks[cell.mean]}{{{number}}}"
    return (
        number
        + (f" {{\\scriptsize$\\pm$ {cell.std:.{cell.digits}f}}}" if not math.isnan(cell.std) else "")
        + (_ONE_SEED if cell.seeds == 1 else "")
    )


def _caption(rows: Sequence[Mapping[Any, Any]], metric: str, heading: str, differs: str) -> str:
    counts = sorted({row["seeds"] for row in rows})
    several = counts[-1] > 1
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    sentences = [
        escape(quantity(metric)) + (f", mean $\\pm$ standard deviation over {seeds} seeds" if several else ""),
        escape(heading),
        *([f"Differs in: {escape(differs)}"] if differs else []),
        *(escape(text.removeprefix("! ").rstrip(".")) for text in [*warned(rows), *unequal_budgets(rows)]),
        "Best bold, second underlined, whether or not the difference is significant",
        *([f"{_ONE_SEED}~One seed"] if counts[0] == 1 else []),
    ]
    return ". ".join(sentences) + "."
