"""What is measured again from a run's codes.npz: its curves and distance distributions, and the kept outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashbench.errors import UserError
from hashbench.evaluation import EvaluationInputError, HammingCounter
from hashbench.evaluation.curves import all_curves
from hashbench.paths import exists
from hashbench.report.figures.series import Series
from hashbench.results.codes import QueryOutputs
from hashbench.results.folder import RunFolder

_SHORTEST = 1000
"""Precision@T is drawn up to here at least, and up to the protocol's largest cut-off."""


class MeasuredCodes:
    """Reads codes.npz of runs, each at most once for all figures.

    Attributes:
        problems: one line for each run whose codes cannot be read; it is left out of the figures that need them. A run
            without the file is left out silently: methods that rank by something else than codes keep none.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._curves: dict[Path, dict[str, np.ndarray] | None] = {}

    def curves(self, series: Series) -> list[dict[str, np.ndarray]]:
        """`hashbench.evaluation.curves.all_curves` of each run of a series whose codes can be read."""
        found = [self._curves_of(run) for run in series.runs]
        return [curves for curves in found if curves is not None]

    def query_outputs(self, series: Series) -> QueryOutputs | None:
        """Of the first run of a series; None where the run keeps none (it was made before hashbench kept them)."""
        try:
            return series.runs[0].read_query_outputs()
        except UserError as error:
            self._note(error)
            return None

    def _curves_of(self, run: RunFolder) -> dict[str, np.ndarray] | None:
        if run.path not in self._curves:
            try:
                self._curves[run.path] = _measure(run) if exists(run.codes_path) else None
            except UserError as error:
                self._curves[run.path] = None
                self._note(error)
        return self._curves[run.path]

    def _note(self, error: UserError) -> None:
        problem = f"{error}; it is left out of the figures made from codes."
        if problem not in self.problems:
            self.problems.append(problem)


def _measure(run: RunFolder) -> dict[str, np.ndarray]:
    """`all_curves` of a run.

    Raises:
        UserError: codes that cannot be read, or of which no query has a relevant item.
    """
    codes = run.read_codes()
    try:
        counter = HammingCounter(codes.query_codes, codes.query_labels, bits=codes.bits)
        counter.update(codes.database_codes, codes.database_labels)
    except EvaluationInputError as error:
        raise UserError(f"{run.codes_path}: {error}") from error
    if not counter.counts.p.any():
        raise UserError(f"{run.codes_path}: no query has a relevant item in the database")
    cut_offs = run.record.protocol_description.get("topk") or []
    return all_curves(counter.counts, max([_SHORTEST, *cut_offs]))
