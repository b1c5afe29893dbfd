"""What is measured again from a run's codes.npz: its curves and distance distributions, and the kept outputs."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hashbench.evaluation import EvaluationInputError, HammingCounter
from hashbench.evaluation.curves import all_curves
from hashbench.report.figures.comparison import Series
from hashbench.results.collect import StoredRun
from hashbench.results.folder import CODES

_NEEDED = ("query_codes", "database_codes", "query_labels", "database_labels", "bits")
_SHORTEST = 1000
"""Precision@T is drawn up to here at least, and up to the protocol's largest cut-off."""


class QueryOutputs(NamedTuple):
    """What was binarised, of the first test queries.

    Attributes:
        outputs: (q, K) float32.
        images: (q,) their rows in the data set.
    """

    outputs: np.ndarray
    images: np.ndarray


class Codes:
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
        path = series.runs[0].folder / CODES
        if not path.exists():
            return None
        try:
            arrays = _read(path, ("query_outputs", "query_index"), optional=True)
        except EvaluationInputError as error:
            self._note(path, error)
            return None
        if len(arrays) < 2:
            return None
        outputs = arrays["query_outputs"]
        return QueryOutputs(outputs, arrays["query_index"][: len(outputs)])

    def _curves_of(self, run: StoredRun) -> dict[str, np.ndarray] | None:
        path = run.folder / CODES
        if run.folder not in self._curves:
            try:
                self._curves[run.folder] = _measure(run, path) if path.exists() else None
            except EvaluationInputError as error:
                self._curves[run.folder] = None
                self._note(path, error)
        return self._curves[run.folder]

    def _note(self, path: Path, error: Exception) -> None:
        problem = f"{path}: {error}; left out of the figures made from codes."
        if problem not in self.problems:
            self.problems.append(problem)


def _measure(run: StoredRun, path: Path) -> dict[str, np.ndarray]:
    arrays = _read(path, _NEEDED)
    counter = HammingCounter(arrays["query_codes"], arrays["query_labels"], bits=int(arrays["bits"]))
    counter.update(arrays["database_codes"], arrays["database_labels"])
    if not counter.counts.p.any():
        raise EvaluationInputError("no query has a relevant item in the database")
    cut_offs = run.record.protocol_description.get("topk") or []
    return all_curves(counter.counts, max([_SHORTEST, *cut_offs]))


def _read(path: Path, names: Sequence[str], *, optional: bool = False) -> dict[str, np.ndarray]:
    """Arrays of an .npz.

    Raises:
        EvaluationInputError: the file cannot be read, or (unless optional) an array is missing.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names if name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise EvaluationInputError(f"it cannot be read ({error})") from error
    missing = [name for name in names if name not in arrays]
    if missing and not optional:
        raise EvaluationInputError(f"it lacks {', '.join(missing)}")
    return arrays
