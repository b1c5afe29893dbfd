"""The columns of a leaderboard: one table, of which terminal, Markdown, CSV and page are made.

A further column is a further entry of COLUMNS:

    Column("train_seconds", "train s", _seconds("train_seconds"), digits=1, style="cost"),

With a name it is in the CSV, with a title people see it. The columns of metrics are made of the table of metrics
(`hashbench.evaluation.metrics`) and stand where METRICS does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, NamedTuple

import numpy as np

from hashbench.results.known_metric import known_metric
from hashbench.results.naming import tuning
from hashbench.results.record import ResultRecord, to_json
from hashbench.results.statistics import summarize

Runs = Sequence[ResultRecord]
"""The runs of one row; they differ in their seed only."""
Row = Mapping[Any, Any]
"""Names of the CSV -> values; and `label`, what the row is called (`hashbench.results.naming`)."""
Place = Literal["terminal", "markdown", "page"]

PLACES: frozenset[Place] = frozenset(("terminal", "markdown", "page"))


class Cell(NamedTuple):
    """What people see of a row.

    Attributes:
        text: the value.
        spread: put after it, smaller where that can be: ` ± 0.002`.
        ties: put after that, except on the page, which draws it: ` [0.70, 0.75]`.
        order: by what the page sorts; a cell without stays last.
        mark: a class of the page's style for the text.
        hint: what the page says of it where the mouse rests.
    """

    text: str
    spread: str = ""
    ties: str = ""
    order: float | str | None = None
    mark: str = ""
    hint: str = ""

    @property
    def plain(self) -> str:
        """All of it as text."""
        return self.text + self.spread + self.ties


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in the CSV and in `leaderboard.table`; empty: not there.
        title: for people; empty: they do not see it.
        value: of the runs of a row; None where the name is filled in by `leaderboard.table`, since it takes all rows,
            or where there is no name.
        cell: for people; None: the value as text, a float with `digits` decimals.
        digits: see `cell`.
        descending: whether the page puts large values first.
        style: class of the page's style. A narrow window leaves out `cost` first, then `other`, then `seeds`; `method`
            holds the button that opens a row, `interval` the error bar.
        left: whether the terminal aligns it to the left.
        whole: whether the terminal never folds it.
        places: where people see it.
    """

    name: str = ""
    title: str = ""
    value: Callable[[Runs], Any] | None = None
    cell: Callable[[Row], Cell] | None = None
    digits: int = 3
    descending: bool = False
    style: str = "other"
    left: bool = False
    whole: bool = False
    places: frozenset[Place] = PLACES

    def cell_of(self, row: Row) -> Cell:
        """The cell of a row."""
        if self.cell is not None:
            return self.cell(row)
        value = row[self.name] if self.name else None
        if isinstance(value, float):
            return Cell(number(value, self.digits), order=None if math.isnan(value) else value)
        return Cell(str(value), order=value) if isinstance(value, int | str) else Cell("")


def number(value: float, digits: int) -> str:
    """With so many decimals; a dash where it is undefined."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _of_all(attribute: str) -> Callable[[Runs], Any]:
    """What all runs of a row have in common."""
    return lambda runs: getattr(runs[0], attribute)


def _seconds(name: str) -> Callable[[Runs], float]:
    """Mean over the runs of an entry of `timing`."""
    return lambda runs: fmean(run.timing.get(name, math.nan) for run in runs)


def _rank(row: Row) -> Cell:
    first, last = row["rank"], row["rank_last"]
    if not isinstance(first, int):
        return Cell("", mark="place")
    text = str(first) if first == last else f"{first}–{last}"
    return Cell(text, order=first + last / 1e6, mark="place best" if first == 1 else "place")


def _seeds(row: Row) -> Cell:
    seeds = row["seeds"]
    if seeds == 1:
        return Cell("1 seed", order=1, mark="single", hint="one seed: no spread, no rank")
    return Cell(f"{seeds} seeds", order=seeds)


def _label(row: Row) -> Cell:
    warnings, fewer = row.get("warnings"), tuned_less(row)
    own = f" ({row['optimizer']})" if row["recipe"] == "method" else ""
    hints = [
        warnings,
        "trained by its own optimizer, not by the protocol's" if own else "",
        f"{row['trials']} trials, another row has {row['most_trials']}" if fewer else "",
    ]
    text = row["label"] + own + (WARNED if warnings else "") + (TUNED_LESS if fewer else "")
    return Cell(text, order=row["label"], hint="; ".join(filter(None, hints)))


def tuned_less(row: Row) -> bool:
    """Whether another row that it is ranked with had more trials to find its hyper-parameters."""
    return bool(row["trials"] < row["most_trials"])


def _optimizer(runs: Runs) -> str:
    """Its type; nothing for a fitted method."""
    return str(runs[0].hparams.get("optimizer", {}).get("type", ""))


def _left_out(runs: Runs) -> int | None:
    """Test queries of which nothing in the database is relevant; None where the results do not say."""
    return max((counts[0] for run in runs if (counts := run.left_out) is not None), default=None)


def _warnings(runs: Runs) -> str:
    """The warnings of all runs, each once; those that differ in their numbers only count as one."""
    found: dict[str, str] = {}
    for run in runs:
        for warning in run.warnings:
            found.setdefault(_NUMBER.sub("0", warning), warning)
    return "; ".join(found.values())


WARNED = " !"
"""After the name of a row whose numbers may mean nothing."""
TUNED_LESS = " *"
"""After the name of a row that was tuned by fewer trials than another one of its table and bits."""
_NUMBER = re.compile(r"-?\d[\d.,]*(e[+-]?\d+)?")

METRICS = Column()
"""Stands for the columns of the metrics."""

COLUMNS: list[Column] = [
    Column("protocol", value=_of_all("protocol")),
    Column("fingerprint", value=_of_all("fingerprint")),
    Column("backbone", value=_of_all("backbone")),
    Column("method", value=_of_all("method")),
    Column("preset", value=_of_all("preset")),
    Column("optimizer", value=_optimizer),
    Column("recipe", value=_of_all("recipe")),
    Column("bits", "bits", _of_all("bits"), style="bits", whole=True),
    Column("", "rank", cell=_rank, style="rank", whole=True),
    Column("", "method", cell=_label, style="method", left=True, whole=True),
    Column("seeds", "seeds", len, _seeds, descending=True, style="seeds", left=True, whole=True),
    METRICS,
    Column("rank"),
    Column("rank_last"),
    Column("rank_over"),
    Column("tuning", value=lambda runs: tuning(runs[0])),
    Column("trials", value=_of_all("trials")),
    Column("most_trials"),
    Column("hparams", value=lambda runs: to_json(runs[0].hparams, compact=True)),
    Column("seconds_per_epoch", "s/epoch", _seconds("seconds_per_epoch"), digits=2, style="cost"),
    Column("total_seconds", "total s", _seconds("total_seconds"), digits=1, style="cost"),
    Column("peak_memory_mb", "peak MiB", lambda runs: fmean(r.peak_memory_mb for r in runs), digits=0, style="cost"),
    Column("queries_left_out", value=_left_out),
    Column("warnings", value=_warnings),
]


def values(runs: Runs, metrics: Sequence[str]) -> dict[str, Any]:
    """What the CSV says of a row, but for what takes all rows."""
    over_seeds = summarize(np.array([[run.metrics.get(name, math.nan) for name in metrics] for run in runs]))
    found = {column.name: column.value(runs) for column in COLUMNS if column.name and column.value}
    for name, mean, std in zip(metrics, over_seeds.mean, over_seeds.std, strict=True):
        found[f"{name}_mean"], found[f"{name}_std"] = mean, std
    return found


def csv_names(metrics: Iterable[str]) -> list[str]:
    """The header of the CSV.

    Args:
        metrics: that any run has, in order; each has a column of its mean and one of its standard deviation.
    """
    of_metrics = [f"{name}_{statistic}" for name in metrics for statistic in ("mean", "std")]
    names: list[str] = []
    for column in COLUMNS:
        names += of_metrics if column is METRICS else [column.name] if column.name else []
    return names


def for_people(place: Place, metric: str, others: Sequence[str]) -> list[Column]:
    """The columns that a place shows, in order.

    Args:
        place: where.
        metric: by which rows are ranked.
        others: metrics beside it.
    """
    main = [_of_metric(metric, "main"), Column(title=f"{metric}: ties and spread", style="interval", places=_PAGE)]
    of_metrics = [*main, *(_of_metric(name, "other") for name in others)]
    columns: list[Column] = []
    for column in COLUMNS:
        columns += of_metrics if column is METRICS else [column]
    return [column for column in columns if column.title and place in column.places]


_PAGE: frozenset[Place] = frozenset(("page",))


def _of_metric(name: str, style: str) -> Column:
    """Mean, standard deviation and, of the metric by which rows are ranked, tie interval."""
    member = known_metric(name)
    digits = member.metric.digits
    ends = [f"{bound}_mean" for bound in member.bounds] if style == "main" else []

    def cell(row: Row) -> Cell:
        mean, std = row[f"{name}_mean"], row[f"{name}_std"]
        bounds = [row.get(end, math.nan) for end in ends]
        known = bounds and not any(map(math.isnan, bounds))
        return Cell(
            number(mean, digits),
            "" if math.isnan(std) else f" ± {std:.{digits}f}",
            f" [{', '.join(f'{bound:.{max(0, digits - 1)}f}' for bound in bounds)}]" if known else "",
            None if math.isnan(mean) else mean,
        )

    return Column(title=name, cell=cell, descending=member.metric.higher_is_better, style=style)
