"""The code of one image before and after binarisation, method by method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hashbench.evaluation import binarize
from hashbench.report.figures.canvas import Canvas
from hashbench.report.figures.grid import GridSheet
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.series import SeriesGroup
from hashbench.report.figures.style import DISSIMILAR, SIMILAR


def codes_of_one_image(group: SeriesGroup, codes: MeasuredCodes) -> list[CodeSheet]:
    """One sheet per code length; the image is the first test query that every series has kept the outputs of."""
    sheets = []
    for bits in group.bits:
        kept = {one.label: codes.query_outputs(one) for one in group.at(bits)}
        found = {label: outputs for label, outputs in kept.items() if outputs is not None and len(outputs.images)}
        common = set.intersection(*({int(i) for i in outputs.images} for outputs in found.values())) if found else set()
        if common:
            first = next(iter(found.values()))
            image = next(int(i) for i in first.images if int(i) in common)
            cells = {label: o.outputs[list(o.images).index(image)] for label, o in found.items()}
            name, heading = f"codes-{group.name}-{bits}bit", f"{group.heading} · {bits} bits · image {image}"
            sources = {one.label: [one] for one in group.at(bits) if one.label in cells}
            sheets.append(CodeSheet(name, heading, _CAPTION, sources, cells))
    return sheets


_CAPTION = (
    "The code of one test image before and after binarisation: bars are the continuous outputs u, dots their signs; "
    "what lies between is lost. Above each plot its mean of ||u| − 1|; first seed of each method (Deep l-inf Encoder, "
    "Fig. 5)."
)


@dataclass(frozen=True)
class CodeSheet(GridSheet):
    """One plot per series; `cells` are outputs (K,) of one image."""

    columns: ClassVar[int] = 2
    rows: ClassVar[int] = 7
    height: ClassVar[float] = 1.2

    def draw_cell(self, ax: Any, label: str, *, first_column: bool, last_row: bool) -> None:
        """One bar per bit, and a dot at its sign."""
        outputs = np.asarray(self.cells[label], dtype=np.float64)
        signs = np.where(binarize(outputs[None])[0], 1.0, -1.0)
        places = np.arange(1, len(outputs) + 1)
        ax.axhline(0, color="#888888", linewidth=0.6)
        ax.bar(places, outputs, width=0.75, color=SIMILAR, alpha=0.75)
        ax.plot(places, signs, linestyle="none", marker="o", markersize=2.6, color=DISSIMILAR, markeredgewidth=0)
        error = np.abs(np.abs(outputs) - 1).mean()
        ax.set_title(f"{label}   ||u| − 1| = {error:.3f}", fontsize=6.8, pad=3)
        ax.set_xlim(0, len(outputs) + 1)
        ax.grid(axis="x", visible=False)
        ax.locator_params(axis="y", nbins=5)
        if first_column:
            ax.set_ylabel("output, code")
        if last_row:
            ax.set_xlabel("bit")

    def finish(self, canvas: Canvas, top: float) -> None:
        """A legend below all."""
        handles = [
            Patch(facecolor=SIMILAR, alpha=0.75),
            Line2D([], [], linestyle="none", marker="o", markersize=3.5, color=DISSIMILAR),
        ]
        canvas.legend(handles, ["output u", "code, sign of u"], 0, top, canvas.width)
