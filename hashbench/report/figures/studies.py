"""What the trials of `hashbench tune` say about hyper-parameters: validation scores over each, and over pairs of few.

Trials are random draws and fill no grid, so nothing is interpolated: every mark is a trial.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from hashbench.report.figures.canvas import BOTTOM, Canvas
from hashbench.report.figures.grid import GridSheet
from hashbench.report.figures.names import quantity
from hashbench.report.figures.sheet import Floats
from hashbench.report.figures.style import COLOURS
from hashbench.results.flat import flatten
from hashbench.results.naming import display_name
from hashbench.results.record import VALIDATION
from hashbench.tuning.search_space import is_finite_number

if TYPE_CHECKING:
    from hashbench.tuning.study import Study

_MOST_OF_PAIRS = 3
"""Numeric hyper-parameters of which all pairs are drawn: three maps."""
_SHORT = 30.0
"""A logarithmic axis up to this ratio has ticks between the powers of ten."""


def _mark(marker: str, size: float, colour: str, *, hollow: float = 0.0) -> dict[str, Any]:
    """Arguments of `plot` for marks of one kind; `hollow` is the width of their edge."""
    face = {"markerfacecolor": "none", "markeredgecolor": colour} if hollow else {"color": colour}
    return {"linestyle": "none", "marker": marker, "markersize": size, "markeredgewidth": hollow, **face}


_MARKS = {
    "trial": _mark("o", 3.6, COLOURS[0]),
    "defaults": _mark("s", 6, "black", hollow=0.9),
    "best": _mark("o", 7, COLOURS[1], hollow=1.3),
    "lower": _mark("v", 4.5, COLOURS[0]),
    "failed": _mark("x", 4, "#555555", hollow=0.9),
}


class Axis(NamedTuple):
    """A hyper-parameter and its value in each trial.

    Attributes:
        name: of the hyper-parameter.
        values: (trials,) numbers, or places among `choices`.
        choices: names of the places of one that is chosen from a list; empty for a numeric one.
        log: whether it was drawn on a logarithmic scale.
    """

    name: str
    values: Floats
    choices: list[str]
    log: bool


class Cell(NamedTuple):
    """A plot: scores over one hyper-parameter, or in colour over two."""

    x: Axis
    y: Axis | None


def study_sheet(path: Path, study: Study) -> StudySheet | None:
    """The sheet of one study; None where no hyper-parameter varies among the trials that have a score."""
    scores = np.array([trial.score for trial in study.trials])
    scored = np.isfinite(scores)
    axes = [axis for axis in map(_axes(study), study.search) if len(np.unique(axis.values[scored])) > 1]
    if not axes:
        return None
    cells = {axis.name: Cell(axis, None) for axis in axes}
    numeric = [axis for axis in axes if not axis.choices]
    if len(numeric) <= _MOST_OF_PAIRS:
        cells |= {f"{y.name}, {x.name}": Cell(x, y) for y, x in itertools.combinations(numeric, 2)}
    run = study.run
    name = display_name(study.method, run["preset"], "defaults")
    heading = f"{run['protocol']} · {name} · {run['bits']} bits · seed {run['seed']} · validation"
    metric = quantity(f"{VALIDATION}{run['settings']['primary']}")
    failed = int((~scored).sum())
    pairs = ", and in colour over each pair of numeric ones" if any(cell.y for cell in cells.values()) else ""
    caption = (
        f"Best {metric} of each of {len(scores)} settings of `hashbench tune` (sampler {study.sampler}, one training "
        f"each) over one hyper-parameter at a time, while all others vary too{pairs}. Square: the defaults; ring: the "
        "best; triangles, if any: scores below the axis. "
        + (f"Crosses: {failed} that failed. " if failed else "")
        + "A trial is a single seed, and the best of many is partly luck (compare DualHash, Fig. 9)."
    )
    return StudySheet(
        f"sensitivity-{path.stem}", heading, caption, {}, cells, f"{len(scores)} trials: {path}", scores, metric
    )


def _axes(study: Study) -> Any:
    """Name of a hyper-parameter -> its `Axis`."""
    defaults = flatten({**study.run["hparams"], **{part: study.run[part] for part in ("optimizer", "schedule")}})

    def axis(name: str) -> Axis:
        kind, options = next(iter(study.search[name].items()))
        values: list[Any] = [trial.values.get(name, defaults.get(name)) for trial in study.trials]
        if kind == "choice":
            choices = list(dict.fromkeys(map(str, [*options, *values])))
            return Axis(
                name, np.array([choices.index(str(value)) for value in values], dtype=np.float64), choices, False
            )
        numbers = np.array([float(value) if is_finite_number(value) else math.nan for value in values])
        return Axis(name, numbers, [], kind == "log" and not (numbers <= 0).any())

    return axis


@dataclass(frozen=True)
class StudySheet(GridSheet):
    """One plot for each of `cells`, which are `Cell`s.

    Attributes:
        origin: where the trials come from.
        scores: (trials,) NaN for those that failed; the first is that of the defaults.
        metric: what the scores are.
    """

    origin: str
    scores: Floats
    metric: str

    columns: ClassVar[int] = 3
    rows: ClassVar[int] = 4
    height: ClassVar[float] = 1.9
    title_lines: ClassVar[int] = 0
    below: ClassVar[float] = BOTTOM

    def made_from(self, labels: Sequence[str]) -> str:
        """The study and its number of trials."""
        return self.origin

    def draw_cell(self, ax: Any, label: str, *, first_column: bool, last_row: bool) -> None:
        """One mark per trial."""
        x, y = self.cells[label]
        scored, floor = np.isfinite(self.scores), self._floor
        heights = np.where(scored, np.maximum(self.scores, floor), floor) if y is None else y.values
        across = x.values + (0.05 * (np.arange(len(heights)) % 7 - 3) if x.choices else 0)
        lower = scored & (self.scores < floor)
        marks = {"trial": scored & ~lower, "lower": lower} if y is None else {}
        for name, which in {**marks, "failed": ~scored}.items():
            ax.plot(across[which], heights[which], **_MARKS[name])
        if y is not None:
            colours = self.scores[scored]
            ax.scatter(across[scored], heights[scored], c=colours, s=22, linewidths=0, zorder=2, **self._colours)
        best = int(np.nanargmax(self.scores))
        for name, place in {"defaults": 0, "best": best}.items():
            if scored[place]:
                ax.plot(across[place], heights[place], **_MARKS[name])
        ax.set(xlabel=x.name, ylabel=(self.metric if first_column else "") if y is None else y.name)
        ax.margins(0.06, 0.08)
        _scale(ax, "x", x)
        if y is None:
            ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
        else:
            _scale(ax, "y", y)

    def finish(self, canvas: Canvas, top: float) -> None:
        """What the marks are, and the scale of colours where there is one."""
        maps = [ax for ax in canvas.figure.axes if ax.collections]
        there = {"lower": (self.scores < self._floor).any(), "failed": not np.isfinite(self.scores).all()}
        names = [name for name in _MARKS if there.get(name, True)]
        handles = [Line2D([], [], **_MARKS[name]) for name in names]
        canvas.legend(handles, names, 0, top, canvas.width * (0.66 if maps else 1.0), most=len(names))
        if maps:
            strip = canvas.axes(0.78 * canvas.width, top, 0.19 * canvas.width, 0.08)
            bar = canvas.figure.colorbar(maps[0].collections[0], cax=strip, orientation="horizontal", extend="min")
            bar.ax.tick_params(labelsize=6, pad=1.5, length=2)
            bar.ax.locator_params(nbins=4)
            bar.ax.text(-0.1, 0.5, self.metric, transform=bar.ax.transAxes, ha="right", va="center", fontsize=6.5)
            bar.ax.grid(visible=False)

    @property
    def _floor(self) -> float:
        """Where the axis of scores ends: above settings that learned nothing, if they would squeeze the rest."""
        low, quarter, high = np.nanquantile(self.scores, [0.0, 0.25, 1.0])
        return float(low if quarter - low <= 2 * (high - quarter) else quarter - (high - quarter))

    @property
    def _colours(self) -> dict[str, Any]:
        """Of the better three quarters: settings that learn nothing would leave all others one colour."""
        low, high = np.nanquantile(self.scores, [0.25, 1.0])
        return {"cmap": "cividis", "vmin": low, "vmax": high}


def _scale(ax: Any, which: str, axis: Axis) -> None:
    own = getattr(ax, f"{which}axis")
    if axis.choices:
        own.set_ticks(range(len(axis.choices)), axis.choices)
        getattr(ax, f"set_{which}lim")(-0.5, len(axis.choices) - 0.5)
        ax.grid(axis=which, visible=False)
    elif axis.log:
        getattr(ax, f"set_{which}scale")("log")
        short = np.nanmax(axis.values) < _SHORT * np.nanmin(axis.values)
        own.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
        own.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        own.set_minor_formatter(NullFormatter())
    else:
        own.set_major_locator(MaxNLocator(nbins=4))
