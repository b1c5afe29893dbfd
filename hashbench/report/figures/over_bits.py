"""Figures of test metrics: over code lengths, and against the quantisation error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashbench.evaluation.metrics import find, shown
from hashbench.report.figures.lines import LineSheet, Panel
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.names import quantity
from hashbench.report.figures.series import Series, SeriesGroup
from hashbench.report.figures.sheet import Curve
from hashbench.results.statistics import summarize

ERROR = "quantization_error"


def bits(group: SeriesGroup) -> list[LineSheet]:
    """mAP, with its tie interval, and quantisation error over bits; then the metrics that others add to the table."""
    names = dict.fromkeys(name for one in group.series for run in one.runs for name in run.record.metrics)
    added = [name for name in shown(names, "figures") if name not in ("map", ERROR)]
    caption = (
        "Test mAP and quantisation error (mean of ||u| − 1| over outputs u) over code length"
        + (f", and {', '.join(map(quantity, added))}" if added else "")
        + ". Marker: mean over seeds; thin bar: ± one standard deviation; wide pale bar: mAP with ties in the worst "
        "and in the best order (DualHash, Fig. 6a)."
    )
    return _over_bits("bits", ["map", ERROR, *added], caption, group)


def radius_bits(group: SeriesGroup) -> list[LineSheet]:
    """Precision and recall within radius 2 over bits."""
    caption = (
        "Precision and recall within Hamming radius 2 over code length; bars: ± one standard deviation over seeds "
        "(DualHash, Figs. 5b and 5d; Deep l-inf Encoder, Fig. 6)."
    )
    return _over_bits("radius-bits", ["precision@r2", "recall@r2"], caption, group)


def tradeoff(group: SeriesGroup, codes: MeasuredCodes) -> list[LineSheet]:
    """Separability and mAP against quantisation error, at each code length."""
    sheets = []
    for length in group.bits:
        separable, ranked = {}, {}
        for series in group.at(length):
            error, value = metric_over_seeds(series, ERROR), metric_over_seeds(series, "map")
            pairs = [mean_distances(curves) for curves in codes.curves(series)]
            if error is not None and value is not None and pairs:
                difference = np.mean([far - near for near, far in pairs])
                separable[series.label] = Curve(np.array([error[0]]), np.array([difference]))
                ranked[series.label] = Curve(np.array([error[0]]), np.array([value[0]]))
        sources = {series.label: [series] for series in group.at(length) if series.label in ranked}
        if sources:
            caption = (
                "Separability (mean Hamming distance of dissimilar minus that of similar pairs) and test mAP against "
                "quantisation error (mean of ||u| − 1| over outputs u), means over seeds (DualHash, Figs. 6b to 6e)."
            )
            panels = [
                Panel(quantity(ERROR), "separability, bits", separable, may_be_log="x"),
                Panel(quantity(ERROR), "mAP", ranked, may_be_log="x"),
            ]
            name, heading = f"tradeoff-{group.name}-{length}bit", f"{group.heading} · {length} bits"
            sheets.append(LineSheet(name, heading, caption, sources, panels))
    return sheets


def mean_distances(curves: dict[str, np.ndarray]) -> tuple[float, float]:
    """Mean Hamming distance of similar and of dissimilar pairs, in bits, of a run's `all_curves`."""
    from hashbench.evaluation.curves import Distances

    pairs = Distances(curves["distance_similar"], curves["distance_dissimilar"])
    return pairs.mean_similar, pairs.mean_dissimilar


def metric_over_seeds(series: Series, name: str) -> tuple[float, float] | None:
    """Mean and standard deviation of a metric; None where a seed lacks it or it is undefined."""
    values = [run.record.metrics.get(name, np.nan) for run in series.runs]
    mean, spread, _ = summarize(values)
    return None if np.isnan(mean) else (float(mean), float(spread))


def _over_bits(kind: str, metrics: Sequence[str], caption: str, group: SeriesGroup) -> list[LineSheet]:
    """One sheet, if any series has the first metric."""
    lengths = group.bits
    panels = []
    for name in metrics:
        found = {label: _curve(series, name, lengths) for label, series in group.over_bits().items()}
        curves = {label: curve for label, curve in found.items() if len(curve.x)}
        member = find(name)
        log = "y" if member and member.metric.log else ""
        panels.append(Panel("code length, bits", quantity(name), curves, [str(b) for b in lengths], log))
    if not panels[0].curves:
        return []
    drawn = [panel for panel in panels if panel.curves]
    return [LineSheet(f"{kind}-{group.name}", group.heading, caption, group.over_bits(), drawn)]


def _curve(series: Sequence[Series], name: str, lengths: Sequence[int]) -> Curve:
    """A metric at the places of the code lengths, with its tie interval where it has one."""
    member, rows = find(name), []
    bounds = member.bounds if member else ()
    for one in series:
        value = metric_over_seeds(one, name)
        if value is not None:
            ends = [(metric_over_seeds(one, bound) or (np.nan,))[0] for bound in bounds]
            rows.append([lengths.index(one.bits), *value, *(ends or [np.nan, np.nan])])
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    spread = None if np.isnan(table[2]).all() else table[2]
    return Curve(table[0], table[1], spread, None if np.isnan(table[3:]).all() else table[3:])
