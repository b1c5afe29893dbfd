"""The critical-difference picture: methods on an axis of average ranks, with a bar over those that are not separable.

After Demsar, JMLR 7 (2006), figure 1; the numbers are those of `hashbench.results.average_rank`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hashbench.errors import UserError
from hashbench.report.figures.style import COLOURS, house_style
from hashbench.results.atomic import write_bytes

if TYPE_CHECKING:
    from hashbench.results.average_rank import AverageRanks

FORMATS = ("png", "pdf")

_WIDTH = 7.0
_LINE = 0.19
"""Inches per line of text, and the width of the page's column."""


def write_critical_difference(ranks: AverageRanks, path: Path) -> list[Path]:
    """Draw to `path`: PNG or PDF by its suffix, both where it has none.

    Returns:
        The files written.

    Raises:
        UserError: another suffix, or a place that cannot be written to.
    """
    suffix = path.suffix.lower().lstrip(".")
    if suffix and suffix not in FORMATS:
        raise UserError(f"{path}: cannot draw .{suffix}: name a .png or .pdf file, or no suffix for both.")
    paths = [path] if suffix else [path.with_name(f"{path.name}.{kind}") for kind in FORMATS]
    with house_style():
        figure = _draw(ranks)
        for target in paths:
            buffer = io.BytesIO()
            kind = target.suffix.lower().lstrip(".")
            metadata = {"CreationDate": None} if kind == "pdf" else {}  # equal results give equal files
            figure.savefig(buffer, format=kind, metadata=metadata, bbox_inches="tight", pad_inches=0.04)
            write_bytes(target, buffer.getvalue())
    return paths


def critical_difference_figure(ranks: AverageRanks) -> Figure:
    """The picture as a matplotlib figure."""
    with house_style():
        return _draw(ranks)


def _draw(ranks: AverageRanks) -> Figure:
    count = len(ranks.methods)
    left = (count + 1) // 2
    bars = _levels(ranks.groups)
    depth = 0.9 + 0.45 * (max(bars, default=-1) + 1)
    """Lines between the axis and the first name: room for the bars."""
    above = 2.6
    lines = above + depth + left + 2.0
    figure = Figure(figsize=(_WIDTH, lines * _LINE))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    margin = 0.42 * (count - 1) + 0.01
    axes.set_xlim(1 - margin, count + margin)
    axes.set_ylim(lines - above, -above)

    axes.plot([1, count], [0, 0], color="black", linewidth=0.8)
    step = next(step for step in (1, 5, 10, 50, 100, count) if count / step <= 12)
    for rank in {1, *range(step, count, step), count}:
        if rank in (1, count) or min(rank - 1, count - rank) >= step / 2:
            axes.plot([rank, rank], [0, -0.3], color="black", linewidth=0.8)
            axes.text(rank, -0.45, str(rank), ha="center", va="bottom")

    _ruler(axes, ranks.critical_difference, count)
    for place, (name, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        on_left = place < left
        line = depth + (place if on_left else count - 1 - place)
        end = 1 - 0.03 * margin if on_left else count + 0.03 * margin
        axes.plot([rank, rank, end], [0, line, line], color="#606060", linewidth=0.6)
        side, shift = ("right", -0.02) if on_left else ("left", 0.02)
        text = f"{name}  {rank:.2f}" if on_left else f"{rank:.2f}  {name}"
        axes.text(end + shift * margin, line, text, ha=side, va="center")
    for (first, last), level in zip(ranks.groups, bars, strict=True):
        height = 0.45 + 0.45 * level
        overhang = 0.004 * count
        ends = [ranks.ranks[first] - overhang, ranks.ranks[last] + overhang]
        axes.plot(ends, [height, height], color=COLOURS[1], linewidth=2.4, solid_capstyle="butt")
    axes.text(
        1 - margin * 0.97, lines - above - 0.35, _note(ranks), ha="left", va="bottom", color="#404040", fontsize=6.5
    )
    return figure


def _ruler(axes: Axes, difference: float, count: int) -> None:
    """The critical difference as a length, above the axis; cut off where it is longer than the axis."""
    end = min(1 + difference, count)
    axes.plot([1, end], [-1.7, -1.7], color="black", linewidth=0.8)
    for x in (1, end) if end == 1 + difference else (1,):
        axes.plot([x, x], [-1.5, -1.9], color="black", linewidth=0.8)
    more = "" if end == 1 + difference else ", longer than the axis"
    axes.text((1 + end) / 2, -1.85, f"critical difference {difference:.2f}{more}", ha="center", va="bottom")


def _levels(groups: list[tuple[int, int]]) -> list[int]:
    """Height of each bar, so that bars that overlap do not lie on each other."""
    levels: list[int] = []
    for place, (first, _) in enumerate(groups):
        taken = {levels[other] for other in range(place) if groups[other][1] >= first}
        levels.append(next(level for level in range(len(groups)) if level not in taken))
    return levels


def _note(ranks: AverageRanks) -> str:
    test = ranks.test
    verdict = (
        "" if len(ranks.groups) != 1 or ranks.groups[0] != (0, len(ranks.methods) - 1) else " No two are separable."
    )
    return (
        f"Average rank over {len(ranks.comparisons)} comparisons (protocol and bits), 1 is the best. "
        f"Bars join methods that are not separable (Nemenyi, 0.05).\n"
        f"Friedman: F = {test.f:.2f}, p = {test.p_value:.2g}.{verdict} {ranks.caution}".rstrip()
    )
