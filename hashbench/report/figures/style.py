"""How figures look: one style per series in every figure of a call, told apart in colour, by the colour-blind, and in
black and white.

Colours are those of Okabe & Ito (Color Universal Design, 2008) with wine in place of yellow, which print loses.
Each series also has its own marker, and a dash that neighbours do not share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.lines import Line2D

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1.2, 1.2)))
LARGEST_GROUP = len(COLOURS)
"""So many series are told apart in one panel."""

CONTEXT = "#D0D0D0"
"""Of the series that a panel does not emphasise."""
SIMILAR, DISSIMILAR = COLOURS[0], COLOURS[1]
PAGE_WIDTH = 7.0
"""Inches: two columns of a printed page."""
PNG_DPI = 200

_SETTINGS: dict[str, Any] = {
    "text.parse_math": False,  # names are text, also those with a dollar
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "legend.columnspacing": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),
    "axes.grid": True,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.6,
    "lines.markeredgewidth": 0.5,
    "hatch.linewidth": 0.4,
    "savefig.dpi": PNG_DPI,
    "pdf.fonttype": 42,  # TrueType, as journals ask for
    "svg.hashsalt": "hashbench",  # names within the file do not change from call to call
}


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults and the settings of this module, whatever the user's own settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)  # type: ignore[arg-type]
        yield


@dataclass(frozen=True)
class LineStyle:
    """Of one series. `place` is its number among those of its colour, and staggers its markers."""

    colour: str
    marker: str
    dash: Any
    place: int

    def line(self, points: int) -> dict[str, Any]:
        """Arguments of `Axes.plot` for a line of so many points: about eight markers, staggered between series."""
        step = max(1, points // 8)
        return self._common() | {"markevery": (self.place * step // LARGEST_GROUP, step)}

    def handle(self, *, line: bool = True) -> Line2D:
        """For a legend: line and marker, or the marker alone."""
        return Line2D([], [], **(self._common() | ({} if line else {"linestyle": "none"})))

    def _common(self) -> dict[str, Any]:
        return {
            "color": self.colour,
            "linestyle": self.dash,
            "marker": self.marker,
            "markeredgecolor": "white",
            "markersize": 5.2 if self.marker == "*" else 3.8,
        }


def styles(labels: Sequence[str]) -> dict[str, LineStyle]:
    """One style per label. Any eight neighbours differ in colour and marker; labels of one colour differ in dash."""
    found = {}
    for number, label in enumerate(labels):
        round_, place = divmod(number, LARGEST_GROUP)
        marker = MARKERS[(place + round_) % len(MARKERS)]
        found[label] = LineStyle(COLOURS[place], marker, DASHES[(place + round_) % len(DASHES)], place)
    return found


def panels_of(labels: Sequence[str], style: Mapping[str, LineStyle]) -> list[list[str]]:
    """Divide labels over panels of at most eight that differ in colour; up to eight stay together in any case."""
    if len(labels) <= LARGEST_GROUP:
        return [list(labels)]
    panels: list[list[str]] = []
    for label in labels:
        colour = style[label].colour
        free = (panel for panel in panels if all(style[other].colour != colour for other in panel))
        panel = next(free, None)
        if panel is None:
            panels.append([label])
        else:
            panel.append(label)
    return panels
