"""The values of a metric for each test query (per_query.npz), as comparisons and ranks need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import UserError, did_you_mean, shown
from hashbench.evaluation.metrics import find, find_kept
from hashbench.paths import is_file
from hashbench.results.folder import RunFolder
from hashbench.results.record import row_key
from hashbench.results.statistics import MIN_SEEDS

Floats = NDArray[np.float64]


class OverQueries(NamedTuple):
    """Of the rows of a leaderboard.

    Attributes:
        values: `row_key` -> (Q,) values per query, mean over the row's seeds; only rows that have them.
        problems: one line for each file that cannot be read.
    """

    values: dict[str, Floats]
    problems: list[str]


def over_queries(runs: Sequence[RunFolder], metric: str) -> OverQueries:
    """Read what ranks need: of the rows with enough seeds for one, where every seed has the metric for each query."""
    rows: dict[str, list[RunFolder]] = {}
    for run in runs:
        rows.setdefault(row_key(run.record), []).append(run)
    values: dict[str, Floats] = {}
    problems: list[str] = []
    for key, seeds in rows.items():
        if len(seeds) >= MIN_SEEDS and all(is_file(run.per_query_path) for run in seeds):
            try:
                values[key] = mean_over_seeds(seeds, metric)
            except NotPerQueryError:
                continue
            except UserError as error:
                problems.append(str(error))
    return OverQueries(values, problems)


class NotPerQueryError(UserError):
    """The metric is no mean over queries, so a run has no values of it for each query."""


def mean_over_seeds(runs: Sequence[RunFolder], metric: str) -> Floats:
    """(Q,) mean over runs on the same queries.

    Raises:
        NotPerQueryError: the metric is no mean over queries.
        UserError: a file is missing, cannot be read, or has another number of queries.
    """
    values = [per_query(run, metric) for run in runs]
    for value, run in zip(values, runs, strict=True):
        if value.shape != values[0].shape:
            raise UserError(f"{run.per_query_path}: {len(value)} queries, {runs[0].path} has {len(values[0])}.")
    mean: Floats = np.mean(values, axis=0)
    return mean


def per_query(run: RunFolder, metric: str) -> Floats:
    """(Q,) values of a metric, kept under the name that the table of metrics gives. Errors as of `mean_over_seeds`.

    One array is read, not the file: a leaderboard reads those of a thousand runs.
    """
    known = find(metric)
    name = known.kept_as if known else metric
    with run.open_per_query() as file:
        if name in file.names:
            shape, _, dtype = file.header(name)
            queries = _queries(run, shape)
            if shape != (queries,) or dtype.kind not in "biuf":
                each = "each query" if queries is None else f"each of {queries} queries"
                raise UserError(
                    f"{run.per_query_path}: {name} is {dtype} {shape}, not a number for {each}: run it again."
                )
            return file.read(name).astype(np.float64, copy=False)
        names = [one.name if (one := find_kept(entry)) else entry for entry in file.names]
    raise NotPerQueryError(f"{shown(metric)} is not kept for each query. {did_you_mean(metric, names)}")


def _queries(run: RunFolder, shape: tuple[int, ...]) -> int | None:
    """How many test queries a run had, by its result; in results that do not say, the length of a vector."""
    evaluation = run.record.selection.get("evaluation")
    queries = evaluation.get("queries") if isinstance(evaluation, dict) else None
    if isinstance(queries, int):
        return queries
    return shape[0] if len(shape) == 1 else None
