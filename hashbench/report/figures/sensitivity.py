"""Heat maps of test mAP over two hyper-parameters, from runs of one method that differ in exactly these."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from matplotlib.patches import Rectangle

from hashbench.report.figures.canvas import BOTTOM, Canvas
from hashbench.report.figures.grid import GridSheet
from hashbench.report.figures.over_bits import metric_over_seeds
from hashbench.report.figures.series import Series, SeriesGroup
from hashbench.report.figures.sheet import Floats
from hashbench.results.flat import flatten

_FEWEST = 4
"""Settings of a heat map; and at least half of its cells must be there."""


class HeatMap(NamedTuple):
    """Mean test mAP over seeds.

    Attributes:
        x, y: the two hyper-parameters.
        x_values, y_values: their values, in order.
        values: (len(y_values), len(x_values)), NaN where there is no run.
        series: what the cells were read from.
    """

    x: str
    y: str
    x_values: list[Any]
    y_values: list[Any]
    values: Floats
    series: list[Series]


def sensitivity(group: SeriesGroup) -> list[HeatSheet]:
    """One sheet per method, one heat map per pair of hyper-parameters and code length."""
    by_method: dict[str, dict[str, HeatMap]] = {}
    for bits in group.bits:
        methods: dict[str, list[Series]] = {}
        for series in group.at(bits):
            methods.setdefault(series.runs[0].record.method, []).append(series)
        for method, settings in methods.items():
            for fixed, found in heat_maps(settings):
                label = f"{method}, {bits} bits" + (f"\n{fixed}" if fixed else "")
                by_method.setdefault(method, {})[label] = found
    return [
        HeatSheet(
            f"sensitivity-{group.name}-{method}",
            group.heading,
            _CAPTION,
            {label: cell.series for label, cell in cells.items()},
            cells,
        )
        for method, cells in by_method.items()
    ]


_CAPTION = (
    "Test mAP, mean over seeds, over two hyper-parameters, all others equal; the frame marks the largest value. It "
    "shows how much the choice matters; a choice is made on validation (DualHash, Fig. 9)."
)


def heat_maps(settings: Sequence[Series]) -> list[tuple[str, HeatMap]]:
    """All pairs of hyper-parameters over which runs of one method and code length form a grid, half filled at least.

    Returns:
        The heat maps, each with the values of the other hyper-parameters that vary among the runs, as text.
    """
    measured = [(flatten(s.runs[0].record.hparams), s, metric_over_seeds(s, "map")) for s in settings]
    rows = [(hparams, series, value[0]) for hparams, series, value in measured if value is not None]
    names = dict.fromkeys(name for hparams, _, _ in rows for name in hparams)
    varying = [name for name in names if len({_key(hparams.get(name)) for hparams, _, _ in rows}) > 1]
    found = []
    for y, x in itertools.combinations(varying, 2):
        alike: dict[str, list[tuple[dict[str, Any], Series, float]]] = {}
        others = [name for name in varying if name not in (x, y)]
        for row in rows:
            alike.setdefault(", ".join(f"{name} = {row[0].get(name)}" for name in others), []).append(row)
        for fixed, group in alike.items():
            heat_map = _heat_map(x, y, group)
            if heat_map is not None:
                found.append((fixed, heat_map))
    return found


def _heat_map(x: str, y: str, rows: Sequence[tuple[dict[str, Any], Series, float]]) -> HeatMap | None:
    x_values = _in_order([hparams.get(x) for hparams, _, _ in rows])
    y_values = _in_order([hparams.get(y) for hparams, _, _ in rows])
    cells = len(x_values) * len(y_values)
    if min(len(x_values), len(y_values)) < 2 or len(rows) < max(_FEWEST, cells / 2):
        return None
    values = np.full((len(y_values), len(x_values)), np.nan)
    for hparams, _, value in rows:
        values[y_values.index(hparams.get(y)), x_values.index(hparams.get(x))] = value
    return HeatMap(x, y, x_values, y_values, values, [series for _, series, _ in rows])


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Different values: numbers by size, then all others."""
    different = list({_key(value): value for value in values}.values())
    numbers = [v for v in different if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return sorted(numbers) + sorted((v for v in different if v not in numbers), key=_key)


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@dataclass(frozen=True)
class HeatSheet(GridSheet):
    """One plot per heat map; `cells` are `HeatMap`s. All cells of a sheet share the scale of colours."""

    columns: ClassVar[int] = 2
    rows: ClassVar[int] = 3
    height: ClassVar[float] = 2.7
    title_lines: ClassVar[int] = 2
    below: ClassVar[float] = BOTTOM

    def draw_cell(self, ax: Any, label: str, *, first_column: bool, last_row: bool) -> None:
        """Coloured cells with their values, the best framed."""
        cell: HeatMap = self.cells[label]
        ax.imshow(cell.values, cmap="cividis", vmin=self._limits[0], vmax=self._limits[1], aspect="auto")
        ax.set_xticks(range(len(cell.x_values)), [_text(v) for v in cell.x_values])
        ax.set_yticks(range(len(cell.y_values)), [_text(v) for v in cell.y_values])
        ax.set(xlabel=cell.x, ylabel=cell.y)
        ax.set_title(label, fontsize=6.8, pad=3)
        ax.grid(visible=False)
        middle = sum(self._limits) / 2
        for (row, column), value in np.ndenumerate(cell.values):
            if np.isfinite(value):
                colour = "white" if value < middle else "black"
                ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour, fontsize=6)
        row, column = np.unravel_index(np.nanargmax(cell.values), cell.values.shape)
        ax.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor="#D55E00", linewidth=1.6))

    def finish(self, canvas: Canvas, top: float) -> None:
        """One scale of colours for all."""
        strip = canvas.axes(0.3 * canvas.width, top, 0.4 * canvas.width, 0.08)
        bar = canvas.figure.colorbar(canvas.figure.axes[0].images[0], cax=strip, orientation="horizontal")
        bar.ax.tick_params(labelsize=6, pad=1.5, length=2)
        bar.ax.text(-0.02, 0.5, "test mAP", transform=bar.ax.transAxes, ha="right", va="center", fontsize=6.5)
        bar.ax.grid(visible=False)

    @property
    def _limits(self) -> tuple[float, float]:
        values = np.concatenate([cell.values.ravel() for cell in self.cells.values()])
        return float(np.nanmin(values)), float(np.nanmax(values))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
