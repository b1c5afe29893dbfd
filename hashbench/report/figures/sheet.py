"""What a figure shows, before it is drawn: numbers, names, and where they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.report.figures.series import Series
from hashbench.report.figures.style import LineStyle
from hashbench.results.statistics import summarize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


class Page(NamedTuple):
    """One drawn page, and the labels of the series that it emphasises."""

    figure: Figure
    labels: list[str]


@dataclass(frozen=True)
class Sheet(ABC):
    """One figure, of one or more pages.

    Attributes:
        name: of its files, without page number and ending.
        heading: protocol, fingerprint, backbone, code length.
        caption: what it shows, in one or two sentences.
        sources: for each label the series whose runs were read.
    """

    name: str
    heading: str
    caption: str
    sources: Mapping[str, Sequence[Series]]

    def made_from(self, labels: Sequence[str]) -> str:
        """The runs behind some of the labels: `3 runs: dsh, csq; 2 runs: lsh`."""
        counts: dict[int, list[str]] = {}
        for label in labels:
            runs = {run.path for series in self.sources[label] for run in series.runs}
            counts.setdefault(len(runs), []).append(label)
        return "; ".join(f"{n} {'run' if n == 1 else 'runs'}: {', '.join(names)}" for n, names in counts.items())

    @abstractmethod
    def pages(self, style: Mapping[str, LineStyle]) -> Iterator[Page]:
        """Draw, page by page, with one style per label."""


@dataclass(frozen=True)
class Curve:
    """A line or points over x, from the runs of one series.

    Attributes:
        x, y: (n,) each, y the mean over seeds.
        spread: (n,) standard deviation over seeds (ddof = 1), None for one seed.
        ties: (2, n) mean with ties in the worst and in the best order, or None.
        within: lowest and highest value that the band of the spread may reach, or None.
    """

    x: Floats
    y: Floats
    spread: Floats | None = None
    ties: Floats | None = None
    within: tuple[float, float] | None = None


def over_seeds(x: ArrayLike, values: Sequence[ArrayLike]) -> Curve:
    """The curve of one array (n,) per seed, over x (n,)."""
    mean, spread, seeds = summarize(np.stack([np.asarray(value, dtype=np.float64) for value in values]))
    return Curve(np.asarray(x, dtype=np.float64), mean, spread if seeds > 1 else None)
