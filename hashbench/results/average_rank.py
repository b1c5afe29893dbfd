"""Average rank of methods over many comparisons, and which differences of it mean something.

Each pair of a fingerprint and a number of bits is one comparison ("data set" in the paper); only methods that are in
all of them take part, and ties share the mean of their ranks. The Friedman test, in the form of Iman and Davenport,
asks whether the methods differ at all; if they do, two of them differ where their average ranks are at least Nemenyi's
critical difference apart. After Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (2006)
1-30, section 3.2.2; the formulas are the paper's, without a correction for ties, which is the cautious side.
Comparisons that share a data set (the same protocol at other bits) are not independent: read the p-value as a guide.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import UserError
from hashbench.results.naming import row_names
from hashbench.results.statistics import LEVEL

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Friedman:
    """Outcome of the Friedman test.

    Attributes:
        chi2: Friedman's statistic, k - 1 degrees of freedom.
        f: that of Iman and Davenport, k - 1 and (k - 1)(N - 1) degrees of freedom.
        p_value: of `f`.
    """

    chi2: float
    f: float
    p_value: float


@dataclass(frozen=True)
class AverageRanks:
    """Methods by average rank, the best first.

    Attributes:
        methods: M names.
        ranks: (M,) their average ranks, 1 is the best possible.
        comparisons: `digits 32 bits`, ...; N of them; with the start of the fingerprint where several share a name.
        protocols: how many different names of protocols they are of; comparisons of one share their data.
        test: whether the methods differ at all.
        critical_difference: Nemenyi's, at level 0.05.
        groups: first and last place of each largest run of methods that are not separable (two or more, may overlap);
            all methods at once where the test does not reject that they are equal.
        left_out: names of the methods that are not in all comparisons.
    """

    methods: list[str]
    ranks: NDArray[np.float64]
    comparisons: list[str]
    protocols: int
    test: Friedman
    critical_difference: float
    groups: list[tuple[int, int]]
    left_out: list[str]

    @property
    def caution(self) -> str:
        """What to bear in mind with the p-value; empty where every comparison is of a protocol of its own."""
        if self.protocols == len(self.comparisons):
            return ""
        return "Comparisons of one protocol share their data and are not independent: read p as a guide."


def average_ranks(frame: pd.DataFrame, metric: str, *, higher_is_better: bool) -> AverageRanks:
    """Rank the rows of a leaderboard table by `metric` in each comparison, and average.

    Args:
        frame: of `hashbench.results.leaderboard.table`.
        metric: a metric of it.
        higher_is_better: whether a larger value is the better one.

    Raises:
        UserError: fewer than two comparisons, or fewer than two methods that are in all of them.
    """
    values = _values(frame, metric)
    complete = {name: row for name, row in values.items() if not np.isnan(row).any()}
    keys = _comparisons(frame)
    fingerprints = Counter(protocol for protocol, _ in {key[:2] for key in keys})
    shown = {key: key[0] + (f" ({key[1][:8]})" if fingerprints[key[0]] > 1 else "") for key in keys}
    comparisons = [f"{name} {key[2]} bits" for key, name in shown.items()]
    if len(comparisons) < 2:
        raise UserError(
            f"an average rank needs two protocols or code lengths, there is {len(comparisons)}: add runs, "
            "or ask for more with --protocol and --bits."
        )
    if len(complete) < 2:
        raise UserError(
            f"an average rank needs two methods with {metric} in all of {', '.join(comparisons)}; there "
            f"{'is' if len(complete) == 1 else 'are'} {len(complete) or 'none'}: narrow with --protocol or --bits."
        )
    names = sorted(complete)
    ranks = ranks_of(np.array([complete[name] for name in names]).T, higher_is_better=higher_is_better)
    average = ranks.mean(axis=0)
    order = np.argsort(average, kind="stable")
    test = friedman(ranks)
    difference = critical_difference(len(names), len(comparisons))
    return AverageRanks(
        methods=[names[place] for place in order],
        ranks=average[order],
        comparisons=comparisons,
        protocols=len(fingerprints),
        test=test,
        critical_difference=difference,
        groups=not_separable(average[order], difference) if test.p_value <= LEVEL else [(0, len(names) - 1)],
        left_out=sorted(values.keys() - complete.keys()),
    )


def ranks_of(values: ArrayLike, *, higher_is_better: bool = True) -> NDArray[np.float64]:
    """Ranks within each row, 1 is the best, ties share the mean: (N, M) comparisons x methods -> (N, M)."""
    array = np.asarray(values, dtype=np.float64) * (-1 if higher_is_better else 1)
    below = (array[:, None, :] < array[:, :, None]).sum(axis=2)
    equal = (array[:, None, :] == array[:, :, None]).sum(axis=2)
    return below + (equal + 1) / 2


def friedman(ranks: ArrayLike) -> Friedman:
    """Test whether methods differ, from their ranks (N, M) in N >= 2 comparisons of M >= 2 methods."""
    from scipy.special import fdtrc  # a quarter of the import time of scipy.stats

    array = np.asarray(ranks, dtype=np.float64)
    n, m = array.shape
    chi2 = 12 * n / (m * (m + 1)) * (float((array.mean(axis=0) ** 2).sum()) - m * (m + 1) ** 2 / 4)
    rest = n * (m - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 1e-9 * n * m else math.inf  # infinite: the same order in every comparison
    p_value = float(fdtrc(m - 1, (m - 1) * (n - 1), f)) if math.isfinite(f) else 0.0
    return Friedman(chi2, f, p_value)


def critical_difference(methods: int, comparisons: int, *, level: float = LEVEL) -> float:
    """Nemenyi's: the difference of average ranks from which on two of `methods` differ over `comparisons`."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - level, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * comparisons))


def not_separable(ranks: ArrayLike, difference: float) -> list[tuple[int, int]]:
    """Largest runs of sorted ranks (M,) whose ends are less than `difference` apart: (first, last) places."""
    array = np.asarray(ranks, dtype=np.float64)
    groups: list[tuple[int, int]] = []
    for first, rank in enumerate(array):
        last = int(np.searchsorted(array, rank + difference, side="left")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def _comparisons(frame: pd.DataFrame) -> list[tuple[str, str, int]]:
    """(protocol, fingerprint, bits) in the order of the table."""
    keys = frame[["protocol", "fingerprint", "bits"]].drop_duplicates()
    return [(str(protocol), str(fingerprint), int(bits)) for protocol, fingerprint, bits in keys.to_numpy()]


def _values(frame: pd.DataFrame, metric: str) -> dict[str, NDArray[np.float64]]:
    """For each method its means, (N,), NaN where it is not measured."""
    places = {key: place for place, key in enumerate(_comparisons(frame))}
    values: dict[str, NDArray[np.float64]] = {}
    rows = frame.to_dict("records")
    for row, name in zip(rows, row_names(rows), strict=True):
        place = places[row["protocol"], row["fingerprint"], row["bits"]]
        values.setdefault(name, np.full(len(places), np.nan))[place] = row[f"{metric}_mean"]
    return values
