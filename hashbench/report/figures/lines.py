"""Sheets of line panels: a block for every eight series, in each all panels of the sheet and one legend below them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from hashbench.report.figures.canvas import HEADING, Canvas, legend_height
from hashbench.report.figures.sheet import Curve, Page, Sheet
from hashbench.report.figures.style import CONTEXT, LARGEST_GROUP, PAGE_WIDTH, LineStyle, panels_of

OTHERS = "other methods"
_PANEL_HEIGHT = 1.95
_PAGE_HEIGHT = 9.2
_MOST_ROWS = 4
"""Of panels in a block on one page."""
_LOG_FROM = 50.0
"""An axis that may be logarithmic is from this ratio of its largest to its smallest value on."""
_Y_MARGIN = 0.06
"""Above and below all points, in parts of their range."""
_SIDE_BY_SIDE = 0.085
"""Distance of neighbours at one place of a categorical axis, whose places are 1 apart."""


@dataclass(frozen=True)
class Panel:
    """One plot.

    Attributes:
        x_label, y_label: quantity and unit.
        curves: label -> curve; labels may be missing.
        places: names of the places 0, 1, ... of a categorical x axis; empty for a numeric one. At each place the
            series stand side by side.
        may_be_log: axes, of "xy", that are logarithmic where the values of a block are positive and spread widely.
        context: show the series of other blocks in grey.
        steep: so many first points of each curve may lie below the y axis, which would squeeze all others.
    """

    x_label: str
    y_label: str
    curves: Mapping[str, Curve]
    places: Sequence[str] = ()
    may_be_log: str = ""
    context: bool = True
    steep: int = 0

    @property
    def of_points(self) -> bool:
        """Whether every curve is a single point."""
        return all(len(curve.x) == 1 for curve in self.curves.values())


class _Block(NamedTuple):
    """What shares a legend.

    Attributes:
        labels: of the emphasised series.
        panels: that have any of them.
        names: of the legend.
        height: in inches, legend included.
    """

    labels: list[str]
    panels: list[Panel]
    names: list[str]
    height: float


@dataclass(frozen=True)
class LineSheet(Sheet):
    """Panels that share their series.

    Attributes:
        panels: in reading order.
        columns: of a block.
    """

    panels: Sequence[Panel]
    columns: int = 2

    @property
    def labels(self) -> list[str]:
        """Of the series that any panel shows, in the order of `sources`."""
        return [label for label in self.sources if any(label in panel.curves for panel in self.panels)]

    def pages(self, style: Mapping[str, LineStyle]) -> Iterator[Page]:
        """As many blocks per page as fit on paper; narrow ones (of one panel) two in a row."""
        groups = panels_of(self.labels, style)
        beside = 2 if self.columns == 1 and len(groups) > 1 else 1
        width = PAGE_WIDTH * (0.6 if self.columns == 1 and beside == 1 else 1.0)
        blocks = [block for group in groups for block in self._blocks(group, width / beside)]
        rows = [blocks[start : start + beside] for start in range(0, len(blocks), beside)]
        for page in _fill(rows):
            yield self._page(page, width, beside, style)

    def _blocks(self, labels: Sequence[str], width: float) -> Iterator[_Block]:
        """A group of series with all its panels; more than one block where these do not fit on a page."""
        panels = [panel for panel in self.panels if any(label in panel.curves for label in labels)]
        size = self.columns * _MOST_ROWS
        for start in range(0, len(panels), size):
            part = panels[start : start + size]
            shown = [label for label in labels if any(label in panel.curves for panel in part)]
            others = any(panel.context and set(panel.curves) - set(shown) for panel in part)
            names = [*shown, OTHERS] if others else shown
            rows = math.ceil(len(part) / self.columns)
            yield _Block(shown, part, names, rows * _PANEL_HEIGHT + legend_height(names, width))

    def _page(
        self, rows: Sequence[Sequence[_Block]], width: float, beside: int, style: Mapping[str, LineStyle]
    ) -> Page:
        canvas = Canvas(width, HEADING + sum(_height(row) for row in rows), self.heading)
        top = HEADING
        for row in rows:
            for number, block in enumerate(row):
                self._draw_block(canvas, block, number * width / beside, top, width / beside, style)
            top += _height(row)
        return Page(canvas.figure, [label for row in rows for block in row for label in block.labels])

    def _draw_block(
        self, canvas: Canvas, block: _Block, left: float, top: float, width: float, style: Mapping[str, LineStyle]
    ) -> None:
        columns = min(self.columns, len(block.panels))
        for number, panel in enumerate(block.panels):
            row, column = divmod(number, columns)
            cell = (left + column * width / columns, top + row * _PANEL_HEIGHT, width / columns, _PANEL_HEIGHT)
            _draw(canvas.plot(*cell), panel, block.labels, style)
        points = all(panel.of_points for panel in block.panels)
        handles = [style[label].handle(line=not points) for label in block.labels]
        if len(block.names) > len(handles):
            mark = {"linestyle": "none", "marker": "."} if points else {"linewidth": 0.9}
            handles.append(Line2D([], [], color=CONTEXT, **mark))
        rows = math.ceil(len(block.panels) / columns)
        canvas.legend(handles, block.names, left, top + rows * _PANEL_HEIGHT, width)


def _height(row: Sequence[_Block]) -> float:
    return max(block.height for block in row)


def _fill(rows: Sequence[Sequence[_Block]]) -> Iterator[list[Sequence[_Block]]]:
    """Divide rows over pages."""
    page: list[Sequence[_Block]] = []
    for row in rows:
        if page and sum(map(_height, page)) + _height(row) > _PAGE_HEIGHT:
            yield page
            page = []
        page.append(row)
    if page:
        yield page


def _draw(ax: Any, panel: Panel, block: Sequence[str], style: Mapping[str, LineStyle]) -> None:
    shown = {label: panel.curves[label] for label in block if label in panel.curves}
    for axis in panel.may_be_log:
        if _wide([getattr(curve, axis) for curve in shown.values()]):
            getattr(ax, f"set_{axis}scale")("log")
            getattr(ax, f"{axis}axis").set_major_formatter(FuncFormatter(_power_of_ten))
            getattr(ax, f"{axis}axis").set_minor_formatter(NullFormatter())
    for number, (label, curve) in enumerate(shown.items()):
        if panel.places:
            _draw_places(ax, curve, style[label], (number - (len(shown) - 1) / 2) * _SIDE_BY_SIDE)
        else:
            _draw_line(ax, curve, style[label])
    ax.margins(x=0.03, y=_Y_MARGIN)
    limits = ax.get_xlim(), _y_limits(ax.get_ylim(), panel.steep, list(shown.values()))
    if panel.context:
        for label, curve in panel.curves.items():
            if label not in block:
                marker = {"marker": ".", "markersize": 4} if panel.of_points else {}
                ax.plot(curve.x, curve.y, color=CONTEXT, linewidth=0.6, zorder=1, **marker)
    ax.set(xlim=limits[0], ylim=limits[1], xlabel=panel.x_label, ylabel=panel.y_label)
    if not any(np.any(curve.y) for curve in shown.values()):
        ax.set_ylim(-0.05, 1)  # all zero: no scale follows from the data
    if panel.places:
        half = _SIDE_BY_SIDE * LARGEST_GROUP / 2 + 0.08
        ax.set_xticks(range(len(panel.places)), panel.places)
        ax.set_xlim(-half, len(panel.places) - 1 + half)
        ax.grid(axis="x", visible=False)
    elif ax.get_xscale() == "linear":
        whole = all(np.array_equal(curve.x, np.round(curve.x)) for curve in shown.values())
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=whole))


def _y_limits(limits: tuple[float, float], steep: int, curves: Sequence[Curve]) -> tuple[float, float]:
    """The axis of all points, or of those after the first `steep` of each curve, of curves that have more."""
    longer = [curve for curve in curves if len(curve.y) > steep]
    if not steep or not longer:
        return limits
    margin = _Y_MARGIN / (1 + 2 * _Y_MARGIN) * (limits[1] - limits[0])
    lowest, highest = min(float(np.nanmin(curve.y[steep:])) for curve in longer), limits[1] - margin
    room = _Y_MARGIN * (highest - lowest)
    return (lowest - room, highest + room) if room > 0 else limits


def _draw_line(ax: Any, curve: Curve, style: LineStyle) -> None:
    """A line with a band of one standard deviation on both sides."""
    size = {"markersize": 5.0} if len(curve.x) == 1 else {}
    ax.plot(curve.x, curve.y, zorder=3, **(style.line(len(curve.x)) | size))
    if curve.spread is not None and len(curve.x) > 1:
        low, high = curve.y - curve.spread, curve.y + curve.spread
        if ax.get_yscale() == "log":
            low = np.maximum(low, curve.y / 10)  # it may reach below zero
        if curve.within is not None:
            low, high = np.maximum(low, curve.within[0]), np.minimum(high, curve.within[1])
        ax.fill_between(curve.x, low, high, color=style.colour, alpha=0.12, linewidth=0, zorder=2)


def _draw_places(ax: Any, curve: Curve, style: LineStyle, shift: float) -> None:
    """Points with a thin bar of one standard deviation and a wide pale one from the worst to the best order of ties."""
    x = curve.x + shift
    ax.plot(x, curve.y, zorder=3, **(style.line(1) | {"linewidth": 0.7}))
    if curve.ties is not None:
        ax.vlines(x, *curve.ties, color=style.colour, alpha=0.3, linewidth=3.2, zorder=2)
    if curve.spread is not None and len(curve.x):
        ax.errorbar(x, curve.y, curve.spread, fmt="none", ecolor=style.colour, elinewidth=0.8, capsize=1.5, zorder=4)


def _power_of_ten(value: float, _: object) -> str:
    """A tick label in plain text, which is set many times faster than a formula."""
    if 0.01 <= value <= 1000:
        return f"{value:g}"
    return "10" + f"{math.log10(value):.0f}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _wide(values: Sequence[np.ndarray]) -> bool:
    """Whether all values are positive and spread over more than a decade and a half."""
    every = np.concatenate([*values, np.empty(0)])
    every = every[np.isfinite(every)]
    return bool(every.size and every.min() > 0 and every.max() > _LOG_FROM * every.min())
