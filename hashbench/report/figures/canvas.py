"""A page on which plots are placed in inches from its upper left corner.

Placed by hand, plots line up down the page, and a page takes half the time of one that matplotlib lays out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.1, 0.12, 0.38
"""Room around a plot for its tick labels and axis labels."""
HEADING = 0.2
_LEGEND_LINE = 0.145
_LEGEND_GAP, _LEGEND_PAD = 0.05, 0.13
"""Above a legend; above and below it together."""
_MOST = 4
"""Columns of a legend."""
_HANDLE, _CHARACTER = 0.48, 0.053
"""Widths in a legend: of what stands before a name, and of a letter."""


class Canvas:
    """One page.

    Args:
        width, height: inches; the heading takes the upper `HEADING` of the height.
        heading: one line above all.
    """

    def __init__(self, width: float, height: float, heading: str) -> None:
        self.figure = Figure(figsize=(width, height))
        self.width, self.height = width, height
        self.figure.text(0.5, 1 - 0.09 / height, heading, ha="center", va="center", fontsize=7, color="#555555")

    def plot(
        self, left: float, top: float, width: float, height: float, *, title: float = 0.0, bottom: float = BOTTOM
    ) -> Any:
        """Axes in a cell of the page, with room for what stands around them and for a title above."""
        x, y = left + LEFT, top + TOP + title
        w, h = width - LEFT - RIGHT, height - TOP - bottom - title
        return self.axes(x, y, w, h)

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Axes exactly there."""
        bottom = self.height - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def legend(
        self, handles: Sequence[Any], names: Sequence[str], left: float, top: float, width: float, *, most: int = _MOST
    ) -> None:
        """A legend in the middle of a strip of the page, of at most `most` columns; its height is `legend_height`."""
        anchor = ((left + width / 2) / self.width, 1 - (top + _LEGEND_GAP) / self.height)
        columns = _columns(names, width, most)
        self.figure.legend(
            handles, names, loc="upper center", bbox_to_anchor=anchor, ncols=columns, borderaxespad=0, borderpad=0.2
        )


def legend_height(names: Sequence[str], width: float) -> float:
    """Of a legend in a strip so wide, in inches."""
    return math.ceil(len(names) / _columns(names, width)) * _LEGEND_LINE + _LEGEND_PAD


def _columns(names: Sequence[str], width: float, most: int = _MOST) -> int:
    entry = _HANDLE + _CHARACTER * max(map(len, names))
    return max(1, min(len(names), most, int(width / entry)))
