"""Sheets that are a grid of small plots, one per series or setting, and what they share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hashbench.report.figures.canvas import BOTTOM, HEADING, Canvas
from hashbench.report.figures.sheet import Page, Sheet
from hashbench.report.figures.style import PAGE_WIDTH, LineStyle

_TITLE = 0.12
"""Height of a line of a title."""
_TICKS = 0.2
"""Room below a plot: only the last of a column names its x axis."""
_FOOT = 0.28
"""Below all plots, for what they share."""


@dataclass(frozen=True)
class GridSheet(Sheet):
    """One plot for each key of `cells`.

    Attributes:
        cells: what to draw, in reading order, by label.
    """

    cells: Mapping[str, Any]

    columns: ClassVar[int]
    rows: ClassVar[int]
    """Of a full page."""
    height: ClassVar[float]
    """Of a row, in inches."""
    title_lines: ClassVar[int] = 1
    below: ClassVar[float] = _TICKS
    """Room below a plot, in inches."""

    def pages(self, style: Mapping[str, LineStyle]) -> Iterator[Page]:
        """Full pages, and what is left."""
        labels = list(self.cells)
        size = self.columns * self.rows
        for start in range(0, len(labels), size):
            shown = labels[start : start + size]
            columns = min(self.columns, len(shown))
            rows = math.ceil(len(shown) / columns)
            cell = PAGE_WIDTH / self.columns, self.height
            foot = HEADING + rows * self.height + BOTTOM - _TICKS
            canvas = Canvas(max(columns * cell[0], 0.55 * PAGE_WIDTH), foot + _FOOT, self.heading)
            for number, label in enumerate(shown):
                row, column = divmod(number, columns)
                place = column * cell[0], HEADING + row * self.height
                ax = canvas.plot(*place, *cell, title=self.title_lines * _TITLE, bottom=self.below)
                last = number + columns >= len(shown)
                self.draw_cell(ax, label, first_column=column == 0, last_row=last)
            self.finish(canvas, foot)
            yield Page(canvas.figure, shown)

    @abstractmethod
    def draw_cell(self, ax: Any, label: str, *, first_column: bool, last_row: bool) -> None:
        """Draw one cell."""

    @abstractmethod
    def finish(self, canvas: Canvas, top: float) -> None:
        """Add what the cells of a page share, a legend or a scale, from `top` inches on."""
