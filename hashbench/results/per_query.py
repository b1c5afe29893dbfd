"""The values of a metric for each test query (per_query.npz), as comparisons and ranks need them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import UserError, did_you_mean
from hashbench.evaluation.metrics import find, find_kept
from hashbench.results.collect import StoredRun, row_key
from hashbench.results.folder import PER_QUERY
from hashbench.results.statistics import MIN_SEEDS

Floats = NDArray[np.float64]


class OverQueries(NamedTuple):
    """Of the rows of a leaderboard.

    Attributes:
        values: `row_key` -> (Q,) values a query, mean over the row's seeds; only rows that have them.
        problems: one line for each file that cannot be read.
    """

    values: dict[str, Floats]
    problems: list[str]


def over_queries(runs: Sequence[StoredRun], metric: str) -> OverQueries:
    """Read what ranks need: of the rows with enough seeds for one, where every seed keeps the metric for each query."""
    rows: dict[str, list[Path]] = {}
    for run in runs:
        rows.setdefault(row_key(run.record), []).append(run.folder)
    values: dict[str, Floats] = {}
    problems: list[str] = []
    for key, folders in rows.items():
        if len(folders) >= MIN_SEEDS and all((folder / PER_QUERY).is_file() for folder in folders):
            try:
                values[key] = mean_over_seeds(folders, metric)
            except NotKeptError:
                continue
            except UserError as error:
                problems.append(str(error))
    return OverQueries(values, problems)


class NotKeptError(UserError):
    """The metric is no mean over queries, so a run has no values of it for each query."""


def mean_over_seeds(folders: Sequence[Path], metric: str) -> Floats:
    """(Q,) mean over runs on the same queries.

    Raises:
        NotKeptError: the metric is no mean over queries.
        UserError: a file is missing, cannot be read, or has another number of queries.
    """
    values = [per_query(folder, metric) for folder in folders]
    for value, folder in zip(values, folders, strict=True):
        if value.shape != values[0].shape:
            raise UserError(f"{folder / PER_QUERY}: {len(value)} queries, {folders[0]} has {len(values[0])}.")
    mean: Floats = np.mean(values, axis=0)
    return mean


def per_query(folder: Path, metric: str) -> Floats:
    """(Q,) values of a metric, kept under the name that the table of metrics gives. Errors as of `mean_over_seeds`."""
    path = folder / PER_QUERY
    known = find(metric)
    name = f"{known.kept_as if known else metric}.npy"
    try:
        with zipfile.ZipFile(path) as file:  # half the time of np.load: a leaderboard reads a thousand
            if name in file.namelist():
                with file.open(name) as member:
                    return np.asarray(np.lib.format.read_array(member, allow_pickle=False), dtype=np.float64)
            kept = [entry.removesuffix(".npy") for entry in file.namelist()]
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing, so there is nothing to pair: run it again.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}): delete the folder and run it again.") from error
    names = [one.name if (one := find_kept(entry)) else entry for entry in kept]
    raise NotKeptError(f"{metric!r} is not kept for each query. {did_you_mean(metric, names)}")
