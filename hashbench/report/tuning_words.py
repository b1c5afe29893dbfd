"""What is said of tuning curves, on the terminal and on the page."""

from __future__ import annotations

from hashbench.report.figures.names import quantity
from hashbench.results.record import VALIDATION
from hashbench.tuning.tuning_curves import CurveGroup

LEGEND = (
    "Place and expected best of n trials ± its standard deviation: draws with replacement from the trials of the "
    "studies (Dodge et al. 2019), failed trials as 0. Validation, and each trial a single seed."
)


def heading(group: CurveGroup) -> str:
    """Protocol, bits and metric."""
    return f"{group.name} · {group.bits} bits · {quantity(f'{VALIDATION}{group.metric}')}"


def notes(group: CurveGroup) -> list[str]:
    """What has to be known of the trials of these curves."""
    found = []
    if any(curve.stopped for curve in group.curves):
        found.append(
            "A trial that was stopped early counts with the best that it had reached, so the curve is a lower bound."
        )
    if group.by_tpe:
        found.append("Studies of the sampler tpe draw by what they have seen: for these, the curve only describes.")
    if len({curve.trials for curve in group.curves}) > 1:
        found.append("The studies are of different lengths: places at n are among those that reach it.")
    return found
