"""Figures over epochs, from the history in result.json: training, optimizers, and what methods report of themselves.

Where the runs of a series stopped at different epochs, the curve ends where the first of them did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from hashbench.evaluation.metrics import USUAL_RADIUS, family
from hashbench.report.figures.lines import LineSheet, Panel
from hashbench.report.figures.names import metric_of, quantity
from hashbench.report.figures.series import Series, SeriesGroup
from hashbench.report.figures.sheet import Curve, over_seeds
from hashbench.results.record import VALIDATION

_OVERHEAD = {"epoch", "seconds", "lr", "loss"}
"""In every history; no diagnostics of a method."""
ORACLE_CALLS = "oracle_calls"


def training(group: SeriesGroup) -> list[LineSheet]:
    """Training loss and validation metric over epochs."""
    sheets = []
    for bits in group.bits:
        series = group.at(bits)
        metric = validation_metric(series)
        panels = [_over_epochs(series, "loss", may_be_log="y"), _over_epochs(series, metric)]
        if panels[0].curves:
            caption = (
                f"Training loss and {quantity(metric)} over epochs: mean over seeds, the band is ± one standard "
                "deviation. Losses of different methods are different functions: compare their shapes, not their "
                "heights (DualHash, Fig. 4)."
            )
            sheets.append(_sheet("training", group, bits, series, caption, panels, columns=2))
    return sheets


def optimizers(group: SeriesGroup) -> list[LineSheet]:
    """Loss and validation metrics, over epochs and over oracle calls, of the methods that count oracle calls."""
    sheets = []
    for bits in group.bits:
        series = [one for one in group.at(bits) if history_curve(one, "loss", over=ORACLE_CALLS)]
        metric = validation_metric(series)
        names = ["loss", metric, *_precisions(series)]
        panels = [_over_epochs(series, name, over, "y") for name in names for over in ("epoch", ORACLE_CALLS)]
        if series:
            caption = (
                "Loss and validation metrics over epochs and over oracle calls, the gradients of single samples that "
                "were computed; mean and standard deviation over seeds (DualHash, Figs. 10 to 12)."
            )
            sheets.append(_sheet("optimizers", group, bits, series, caption, panels, columns=2))
    return sheets


def diagnostics(group: SeriesGroup) -> list[LineSheet]:
    """Every scalar that a method logs of itself, one panel each; methods that log most come first."""
    sheets = []
    for bits in group.bits:
        logged = {one.label: _own_names(one) for one in group.at(bits)}
        series = sorted((s for s in group.at(bits) if logged[s.label]), key=lambda s: -len(logged[s.label]))
        names = dict.fromkeys(name for one in series for name in logged[one.label])
        panels = [_over_epochs(series, name, may_be_log="y", context=False) for name in names]
        panels = [panel for panel in panels if panel.curves]
        if panels:
            caption = (
                "What methods report of themselves over epochs, mean and standard deviation over seeds. A name that "
                "two methods share need not be the same quantity: see their documentation."
            )
            sheets.append(_sheet("diagnostics", group, bits, series, caption, panels, columns=3))
    return sheets


def history_curve(series: Series, name: str, *, over: str = "epoch") -> Curve | None:
    """An entry of the history over another one, from the epochs of which all seeds have both.

    Returns:
        Mean and spread over seeds; None for fewer than two epochs. x is the mean over seeds of the other entry.
    """
    by_epoch = [_numbers(run.record.history, name, over) for run in series.runs]
    epochs = sorted(set(by_epoch[0]).intersection(*by_epoch[1:]))
    if len(epochs) < 2:
        return None
    x = over_seeds(epochs, [[values[epoch][1] for epoch in epochs] for values in by_epoch]).y
    return over_seeds(x, [[values[epoch][0] for epoch in epochs] for values in by_epoch])


def validation_metric(series: Sequence[Series]) -> str:
    """The entry of the history by which epochs were chosen: the protocol's primary metric."""
    chosen = {one.runs[0].record.selection.get("metric") or "map" for one in series}
    return f"{VALIDATION}{chosen.pop() if len(chosen) == 1 else 'map'}"


def _precisions(series: Sequence[Series]) -> list[str]:
    """Validation precision at the largest cut-off and within the usual radius, where every series has them."""
    logged = [{name for entry in one.runs[0].record.history for name in entry} for one in series]
    common = [metric for name in set.intersection(*logged) if (metric := metric_of(name))] if logged else []
    at, within = family(common, "precision@T"), family(common, "precision@r")
    names = [*list(at.values())[-1:], *([within[USUAL_RADIUS]] if USUAL_RADIUS in within else [])]
    return [f"{VALIDATION}{name}" for name in names]


def _numbers(history: Sequence[Mapping[str, Any]], name: str, over: str) -> dict[float, tuple[float, float]]:
    """epoch -> (entry, other entry), of the epochs in which both are numbers (NaN, undefined, is one)."""
    numbers = {}
    for entry in history:
        epoch, y, x = entry.get("epoch"), entry.get(name), entry.get(over)
        if _is_number(epoch) and _is_number(y) and _is_number(x):
            numbers[epoch] = (y, x)
    return numbers


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _own_names(series: Series) -> list[str]:
    """What the runs log beside what every method logs, in the order of their first appearance."""
    names = dict.fromkeys(name for run in series.runs for entry in run.record.history for name in entry)
    return [name for name in names if name not in _OVERHEAD and metric_of(name) is None]


def _over_epochs(
    series: Sequence[Series], name: str, over: str = "epoch", may_be_log: str = "", context: bool = True
) -> Panel:
    found = {one.label: history_curve(one, name, over=over) for one in series}
    curves = {label: curve for label, curve in found.items() if curve is not None}
    return Panel(quantity(over), quantity(name), curves, may_be_log=may_be_log, context=context)


def _sheet(
    kind: str,
    group: SeriesGroup,
    bits: int,
    series: Sequence[Series],
    caption: str,
    panels: Sequence[Panel],
    columns: int,
) -> LineSheet:
    sources = {one.label: [one] for one in series}
    heading = f"{group.heading} · {bits} bits"
    return LineSheet(f"{kind}-{group.name}-{bits}bit", heading, caption, sources, panels, columns)
