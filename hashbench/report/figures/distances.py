"""Hamming distances of similar and of dissimilar pairs: their distributions, means, and how far these lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hashbench.report.figures.canvas import Canvas
from hashbench.report.figures.grid import GridSheet
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.over_bits import mean_distances
from hashbench.report.figures.series import SeriesGroup
from hashbench.report.figures.sheet import Floats
from hashbench.report.figures.style import DISSIMILAR, SIMILAR


class Distribution(NamedTuple):
    """Means over seeds.

    Attributes:
        similar, dissimilar: (K + 1,) shares of the pairs at each distance.
        mean_similar, mean_dissimilar: in bits.
    """

    similar: Floats
    dissimilar: Floats
    mean_similar: float
    mean_dissimilar: float


def distances(group: SeriesGroup, codes: MeasuredCodes) -> list[DistanceSheet]:
    """One sheet per code length."""
    sheets = []
    for bits in group.bits:
        cells = {}
        for series in group.at(bits):
            if curves := codes.curves(series):
                near, far = np.mean([mean_distances(one) for one in curves], axis=0)
                similar, dissimilar = (
                    np.mean([_shares(one[f"distance_{kind}"]) for one in curves], axis=0)
                    for kind in ("similar", "dissimilar")
                )
                cells[series.label] = Distribution(similar, dissimilar, float(near), float(far))
        if cells:
            name, heading = f"distances-{group.name}-{bits}bit", f"{group.heading} · {bits} bits"
            sources = {one.label: [one] for one in group.at(bits) if one.label in cells}
            sheets.append(DistanceSheet(name, heading, _CAPTION, sources, cells))
    return sheets


_CAPTION = (
    "Distribution of the Hamming distances between queries and database items, of similar and of dissimilar pairs, "
    "mean over seeds. Dashed: the mean distances; their difference, the separability, is above each plot (DualHash, "
    "Figs. 7 and 8)."
)


def _shares(pairs: np.ndarray) -> np.ndarray:
    return pairs / max(1, pairs.sum())


@dataclass(frozen=True)
class DistanceSheet(GridSheet):
    """One plot per series; `cells` are `Distribution`s."""

    columns: ClassVar[int] = 3
    rows: ClassVar[int] = 6
    height: ClassVar[float] = 1.4
    title_lines: ClassVar[int] = 2

    def draw_cell(self, ax: Any, label: str, *, first_column: bool, last_row: bool) -> None:
        """Two histograms as steps and two dashed means."""
        cell: Distribution = self.cells[label]
        edges = np.arange(len(cell.similar) + 1) - 0.5
        ax.stairs(cell.dissimilar, edges, fill=True, color=DISSIMILAR, alpha=0.3)
        ax.stairs(cell.dissimilar, edges, color=DISSIMILAR, linewidth=0.9)
        ax.stairs(cell.similar, edges, fill=True, facecolor="none", edgecolor=SIMILAR, hatch="//////", linewidth=0)
        ax.stairs(cell.similar, edges, color=SIMILAR, linewidth=0.9)
        for mean, colour in ((cell.mean_similar, SIMILAR), (cell.mean_dissimilar, DISSIMILAR)):
            ax.axvline(mean, color=colour, linestyle=(0, (3, 2)), linewidth=1.0)
        separability = cell.mean_dissimilar - cell.mean_similar
        means = f"separability {cell.mean_dissimilar:.1f} − {cell.mean_similar:.1f} = {separability:.1f} bits"
        ax.set_title(f"{label}\n{means}", fontsize=6.8, linespacing=1.1, pad=3)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_ylim(bottom=0)
        ax.locator_params(axis="y", nbins=4)
        if first_column:
            ax.set_ylabel("share of pairs")
        if last_row:
            ax.set_xlabel("Hamming distance, bits")

    def finish(self, canvas: Canvas, top: float) -> None:
        """A legend below all."""
        handles = [
            Patch(facecolor="none", edgecolor=SIMILAR, hatch="//////"),
            Patch(facecolor=DISSIMILAR, edgecolor=DISSIMILAR, alpha=0.4),
            Line2D([], [], color="#555555", linestyle=(0, (3, 2)), linewidth=1.0),
        ]
        names = ["similar pairs", "dissimilar pairs", "mean distance"]
        canvas.legend(handles, names, 0, top, canvas.width)
