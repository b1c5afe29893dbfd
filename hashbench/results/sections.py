"""A leaderboard table as people read it: one section a fingerprint, with a heading that says how it differs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hashbench.evaluation.metrics import shown
from hashbench.foreign_text import markdown
from hashbench.results.columns import Cell, Column, Place, for_people, tuned_less
from hashbench.results.flat import flatten
from hashbench.results.naming import row_names
from hashbench.results.record import ResultRecord
from hashbench.results.statistics import MIN_SEEDS

if TYPE_CHECKING:
    import pandas as pd


class Section(NamedTuple):
    """The rows of one fingerprint.

    Attributes:
        heading: protocol, fingerprint, backbones.
        note: how it differs from other fingerprints of the same protocol, and why ranks are missing; may be empty.
        layout: the columns.
        cells: of each row, one a column.
    """

    heading: str
    note: str
    layout: list[Column]
    cells: list[list[Cell]]

    @property
    def columns(self) -> list[str]:
        """The titles of the columns."""
        return [column.title for column in self.layout]

    @property
    def rows(self) -> list[list[str]]:
        """The cells as text."""
        return [[cell.plain for cell in row] for row in self.cells]


def headings(records: Sequence[ResultRecord]) -> dict[str, str]:
    """For each fingerprint, what its protocol says otherwise than the other fingerprints of the same protocol's name.

    Returns:
        fingerprint -> `epochs = 5, split.seed = 1`, or an empty text where there is no other.
    """
    described = {record.fingerprint: record for record in records}
    flat = {fingerprint: flatten(record.protocol_description) for fingerprint, record in described.items()}
    texts = {}
    for fingerprint, record in described.items():
        others = [flat[f] for f, other in described.items() if other.protocol == record.protocol and f != fingerprint]
        keys = dict.fromkeys(key for other in [flat[fingerprint], *others] for key in other)
        own = flat[fingerprint]
        differing = [key for key in keys if any(other.get(key) != own.get(key) for other in others)]
        texts[fingerprint] = ", ".join(f"{key} = {json.dumps(own.get(key))}" for key in differing)
    return texts


def sections(
    frame: pd.DataFrame,
    *,
    metric: str = "map",
    differences: Mapping[str, str] | None = None,
    place: Place = "terminal",
) -> list[Section]:
    """Lay a table out for reading.

    Args:
        frame: of `hashbench.results.leaderboard.table`.
        metric: shown first, with its standard deviation and its tie interval.
        differences: of `headings`.
        place: where it is read. A terminal and Markdown leave out metrics that no row of a section has; the page has
            the same columns in all of them.
    """
    others = [name for name in shown_metrics(frame) if name != metric]
    result = []
    for fingerprint, group in frame.groupby("fingerprint", sort=False):
        rows = group.to_dict("records")
        notes = [f"Differs in: {text}." for text in [(differences or {}).get(str(fingerprint), "")] if text]
        notes += _why_unranked(rows) + _over_seeds_alone(rows, metric) + warned(rows) + unequal_budgets(rows)
        backbones = ", ".join(dict.fromkeys(row["backbone"] for row in rows))  # shallow methods may see raw pixels
        heading = f"{rows[0]['protocol']} · fingerprint {str(fingerprint)[:8]} · {backbones}"
        measured = [name for name in others if place == "page" or group[f"{name}_mean"].notna().any()]
        layout = for_people(place, metric, measured)
        labelled = [{**row, "label": label} for row, label in zip(rows, row_names(rows), strict=True)]
        cells = [[column.cell_of(row) for column in layout] for row in labelled]
        result.append(Section(heading, " ".join(notes), layout, cells))
    return result


def to_markdown(frame: pd.DataFrame, *, metric: str = "map", differences: Mapping[str, str] | None = None) -> str:
    """`sections` as Markdown, one table a fingerprint."""
    blocks = []
    for section in sections(frame, metric=metric, differences=differences, place="markdown"):
        lines = [_markdown_row(section.columns), "|" + " --- |" * len(section.columns)]
        lines += [_markdown_row(row) for row in section.rows]
        note = [re.sub(r"^\*", r"\*", markdown(section.note))] if section.note else []  # a mark, and no list
        blocks += [f"## {markdown(section.heading)}", *note, "\n".join(lines)]
    return "\n\n".join([*blocks, LEGEND]) + "\n"


LEGEND = (
    "Mean ± standard deviation over seeds; in brackets the tie interval: the mean with ties in the worst and in the "
    "best order. Rank a–b, among rows of equal bits: significantly worse than a - 1, better than all but b, over seeds "
    "and queries; none: no order is claimed."
)


def shown_metrics(frame: pd.DataFrame) -> list[str]:
    """Those beside the first: few enough for a terminal; the CSV has them all."""
    names = [column.removesuffix("_mean") for column in frame.columns if column.endswith("_mean")]
    return shown(names, "leaderboard")


def warned(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Why the numbers of some rows may mean nothing, one sentence for all rows with the same warnings."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row["warnings"]:
            found.setdefault(row["warnings"], set()).add(_name(row))
    return [f"! {_first(sorted(names))}: {warnings}." for warnings, names in found.items()]


def unequal_budgets(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """How many trials each row had, where rows of equal bits had different numbers: one sentence for all such bits."""
    lengths: dict[str, list[int]] = {}
    for bits in sorted({row["bits"] for row in rows if tuned_less(row)}):
        methods: dict[int, list[str]] = {}
        for row in rows:
            if row["bits"] == bits:
                methods.setdefault(row["trials"], []).append(row["method"])
        counts = sorted(methods, reverse=True)
        said = (f"{count} trials for {_first(list(dict.fromkeys(methods[count])))}" for count in counts)
        lengths.setdefault("; ".join(said), []).append(bits)
    return [
        f"* Rows with different tuning budgets at {', '.join(map(str, bits))} bits: {said}."
        for said, bits in lengths.items()
    ]


def _why_unranked(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    few = sorted({_name(row) for row in rows if row["seeds"] < MIN_SEEDS})
    return [f"No order among rows of equal bits with fewer than {MIN_SEEDS} seeds: {_first(few)}."] if few else []


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['method']} ({row['bits']} bits)"


def _first(names: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _over_seeds_alone(rows: Sequence[Mapping[Any, Any]], metric: str) -> list[str]:
    ranked = Counter(row["bits"] for row in rows if row["rank_over"] == "seeds")
    lengths = sorted(bits for bits, count in ranked.items() if count > 1)
    shown = ", ".join(map(str, lengths))
    return [f"Ranks over seeds alone at {shown} bits: not every row keeps {metric} for each query."] if lengths else []


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"
