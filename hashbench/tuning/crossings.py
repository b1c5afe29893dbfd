"""Where the order of methods changes with the number of trials that each of them is given."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from hashbench.tuning.tuning_curves import CurveGroup

CLEAR = 0.0005
"""Of expected values: where the lead is smaller on either side, nothing is said of a change of order."""
_EQUAL = 1e-9
"""Expectations that differ by rounding alone."""


class Crossing(NamedTuple):
    """Where the order of two methods changes.

    Attributes:
        ahead, behind: labels from there on.
        budget: the first number of trials at which it is so.
        before, after: the largest lead of the one before, and of the other from there to the next change.
    """

    ahead: str
    behind: str
    budget: int
    before: float
    after: float


def crossings(group: CurveGroup) -> list[Crossing]:
    """Every change of the order of two methods, the clearest first: that with the largest lead on its smaller side."""
    found: list[Crossing] = []
    for one, other in itertools.combinations(group.curves, 2):
        most = min(one.trials, other.trials)
        lead = one.mean[:most] - other.mean[:most]
        names = {1.0: one.label, -1.0: other.label}
        signs = np.sign(np.where(np.abs(lead) < _EQUAL, 0.0, lead))
        places = np.flatnonzero(signs)  # where they are equal, the order is that of before
        runs = [list(part) for _, part in itertools.groupby(places, key=lambda place: signs[place])]
        for before, after in itertools.pairwise(runs):
            sign = signs[after[0]]
            leads = (float(np.abs(lead[part]).max()) for part in (before, after))
            found.append(Crossing(names[sign], names[-sign], int(after[0]) + 1, *leads))
    return sorted(found, key=lambda crossing: (-min(crossing.before, crossing.after), crossing.budget))


def changes(group: CurveGroup) -> list[str]:
    """The clear changes of order, one line for each method that passes others: `csq passes dsh, dtsh at n = 2, dhn at
    n = 6`; and one line where there is none.
    """
    clear = [one for one in crossings(group) if min(one.before, one.after) >= CLEAR]
    lines = []
    for curve in group.curves:
        passed: dict[int, list[str]] = {}
        for one in sorted(clear, key=lambda one: one.budget):
            if one.ahead == curve.label:
                passed.setdefault(one.budget, []).append(one.behind)
        if passed:
            places = "; ".join(f"{', '.join(names)} at n = {n}" for n, names in passed.items())
            lines.append(f"{curve.label} passes {places}")
    if len(group.curves) > 1 and not lines:
        lines.append(f"No method passes another one by {CLEAR} or more at any number of trials.")
    return lines
