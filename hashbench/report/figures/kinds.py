"""The kinds of figure by name, and what a run must have for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hashbench.report.figures import history, over_bits, retrieval
from hashbench.report.figures.codes import codes_of_one_image
from hashbench.report.figures.distances import distances
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.sensitivity import sensitivity
from hashbench.report.figures.series import SeriesGroup
from hashbench.report.figures.sheet import Sheet
from hashbench.results.layout import CODES


class Kind(NamedTuple):
    """One kind of figure.

    Attributes:
        needs: what a run must have for it, fitting after "no run has".
        build: the sheets of one group; none where no run has what is needed.
    """

    needs: str
    build: Callable[[SeriesGroup, MeasuredCodes], Sequence[Sheet]]


_CODES = f"a readable {CODES}"

STUDIES = "sensitivity"
"""The kind that each study of `hashbench tune` is drawn as too."""
TUNING = "tuning"
"""The kind that studies of `hashbench tune` are drawn as together."""

KINDS: dict[str, Kind] = {
    "training": Kind("a training loss over two epochs or more", lambda c, _: history.training(c)),
    "topk": Kind(_CODES, retrieval.topk),
    "radius": Kind(_CODES, retrieval.radius),
    "pr": Kind(_CODES, retrieval.precision_recall),
    "bits": Kind("the metric map", lambda c, _: over_bits.bits(c)),
    "radius-bits": Kind("the metric precision@r2", lambda c, _: over_bits.radius_bits(c)),
    "tradeoff": Kind(f"the metrics map and quantization_error and {_CODES}", over_bits.tradeoff),
    "distances": Kind(_CODES, distances),
    STUDIES: Kind(
        "the same method, fingerprint and bits as three others, on a grid over exactly two hyper-parameters; and no "
        "study of `hashbench tune` with two scores was named",
        lambda c, _: sensitivity(c),
    ),
    TUNING: Kind("trials, which studies of `hashbench tune` have: name two trials of a study or more", lambda c, _: []),
    "optimizers": Kind(
        "oracle_calls and a loss in its history, over two epochs or more", lambda c, _: history.optimizers(c)
    ),
    "diagnostics": Kind("diagnostics in its history, over two epochs or more", lambda c, _: history.diagnostics(c)),
    "codes": Kind(f"query_outputs in its {CODES} (kept by newer versions: run again)", codes_of_one_image),
}
