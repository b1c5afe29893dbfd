"""What the leaderboard page shows, as plain JSON values: the rows of the table, and of each its seeds and curves."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import hashbench
from hashbench.evaluation.metrics import family
from hashbench.results.columns import Cell, Column
from hashbench.results.flat import flatten
from hashbench.results.known_metric import known_metric
from hashbench.results.leaderboard import headings, metric_names, sections
from hashbench.results.naming import row_names
from hashbench.results.record import VALIDATION, row_key
from hashbench.results.sections import LEGEND

if TYPE_CHECKING:
    import pandas as pd

    from hashbench.results.record import ResultRecord

POINTS = 120
"""Most points of a curve: more than a screen of this size can show."""

_DIGITS = 7
_DIGITS_OF_CURVES = 4
_EVERY_LEVEL = 2
"""Of the 101 recalls of a curve: as many points as a chart can show."""


def page_data(
    frame: pd.DataFrame, records: Sequence[ResultRecord], *, metric: str, left_out: int = 0
) -> dict[str, Any]:
    """Gather what the page needs.

    Args:
        frame: of `hashbench.results.leaderboard.table`, from `records`.
        records: of the runs.
        metric: by which `frame` is sorted and ranked.
        left_out: how many results could not be read.

    Returns:
        `columns` are those of each row's `cells`, of which each is what it is sorted by (None: last), its text, and the
        parts of `hashbench.results.columns.Cell` that come after it; `metrics` names the pairs of each row's `stats`;
        `bar` says where among them the error bar finds mean, worst and best order of ties; `tables` has one entry per
        fingerprint, in the order of the sections of the terminal, with the same headings. A number that is not finite
        is None.
    """
    names = metric_names(records)
    runs: dict[str, list[ResultRecord]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        runs.setdefault(row_key(record), []).append(record)
    parts = sections(frame, metric=metric, differences=headings(records), place="page")
    groups = [group for _, group in frame.groupby("fingerprint", sort=False)]
    tables = []
    for part, group in zip(parts, groups, strict=True):
        lines = group.to_dict("records")
        rows = [
            _row(row, name, cells, runs[key], names, metric)
            for key, row, name, cells in zip(group.index, lines, row_names(lines), part.cells, strict=True)
        ]
        of_protocol = runs[group.index[0]][0]
        tables.append(
            {
                "heading": part.heading,
                "note": part.note,
                "protocol": of_protocol.protocol,
                "settings": _texts(of_protocol.protocol_description),
                "rows": rows,
            }
        )
    dates = sorted(str(record.environment["date"])[:10] for record in records if record.environment.get("date"))
    return {
        "version": hashbench.__version__,
        "metric": metric,
        "metrics": names,
        "columns": [_column(column) for column in parts[0].layout] if parts else [],
        "bar": [names.index(name) if name in names else None for name in _of_the_bar(metric)],
        "runs": len(records),
        "left_out": left_out,
        "dates": [dates[0], dates[-1]] if dates else [],
        "legend": LEGEND,
        "tables": tables,
    }


def _of_the_bar(metric: str) -> list[str]:
    """The metric, and its values in the worst and in the best order of ties."""
    return [metric, *(known_metric(metric).bounds or ("", ""))]


def _column(column: Column) -> dict[str, Any]:
    """How the page shows a column; one without a cell of its own cannot be sorted by."""
    sorts = bool(column.cell or column.name)
    return {"title": column.title, "style": column.style, "sorts": sorts, "descending": column.descending}


def _row(
    row: Mapping[Any, Any],
    name: str,
    cells: Sequence[Cell],
    runs: Sequence[ResultRecord],
    metrics: Sequence[str],
    metric: str,
) -> dict[str, Any]:
    retrieval = _retrieval(runs)
    return {
        "id": hashlib.sha256(row_key(runs[0]).encode()).hexdigest()[:10],
        "name": name,
        "bits": row["bits"],
        "backbone": row["backbone"],
        "cells": [_cell(cell) for cell in cells],
        "seeds": [run.seed for run in runs],
        "values": [_number(run.metrics.get(metric, math.nan)) for run in runs],
        "stats": [[_number(row[f"{key}_mean"]), _number(row[f"{key}_std"])] for key in metrics],
        "hparams": _texts(runs[0].hparams),
        "chosen": [run.selection.get("epoch") for run in runs],
        "loss": _curve(runs, "loss"),
        "validation": _curve(runs, f"{VALIDATION}{metric}"),
        "retrieval": retrieval,
        "points": {} if retrieval else _points(row, metrics),
    }


def _cell(cell: Cell) -> list[Any]:
    """A cell as the page reads it; what is empty at its end is left out."""
    order = _number(cell.order) if isinstance(cell.order, float) else cell.order
    parts = [cell.text, cell.spread, cell.mark, cell.hint]
    while parts and not parts[-1]:
        parts.pop()
    return [order, *parts]


def _points(row: Mapping[Any, Any], metrics: Sequence[str]) -> dict[str, list[list[float]]]:
    """Of runs that keep no curves, the points that single metrics give: pairs of cut-off or radius and mean."""
    families = {"precision_at": "precision@T", "precision": "precision@r", "recall": "recall@r"}
    found = {}
    for curve, key in families.items():
        means = {at: _number(row[f"{name}_mean"]) for at, name in family(metrics, key).items()}
        found[curve] = [[at, mean] for at, mean in means.items() if mean is not None]
    return found


def _curve(runs: Sequence[ResultRecord], key: str) -> dict[str, Any] | None:
    """Values over epochs, one list per seed, None where a seed has none; None where no seed has any."""
    lines = [{entry["epoch"]: entry[key] for entry in run.history if "epoch" in entry and key in entry} for run in runs]
    epochs = sorted(set().union(*lines))
    if not epochs:
        return None
    if len(epochs) > POINTS:
        epochs = [epochs[place] for place in np.linspace(0, len(epochs) - 1, POINTS).round().astype(int)]
    seeds = [[_number(line.get(epoch, math.nan), _DIGITS_OF_CURVES) for epoch in epochs] for line in lines]
    return {"epochs": epochs, "seeds": seeds}


def _retrieval(runs: Sequence[ResultRecord]) -> dict[str, Any] | None:
    """The curves of the test queries, means over seeds; None where a seed has none (see `hashbench.results.curves`)."""
    if len({tuple(run.curves.get("cutoffs", ())) for run in runs}) > 1 or not runs[0].curves:
        return None
    curves = {name: np.array([run.curves[name] for run in runs]) for name in runs[0].curves}
    similar, dissimilar = (_shares(curves[f"distance_{kind}"]) for kind in ("similar", "dissimilar"))
    distances = np.arange(similar.shape[1])
    return {
        "precision_recall": _mean(curves["precision_interpolated"][:, ::_EVERY_LEVEL]),
        "cutoffs": runs[0].curves["cutoffs"],
        "precision_at": _mean(curves["precision_at"]),
        "precision": _mean(curves["precision_by_radius"]),
        "recall": _mean(curves["recall_by_radius"]),
        "similar": _mean(similar),
        "dissimilar": _mean(dissimilar),
        "distances": _mean(np.stack([similar @ distances, dissimilar @ distances], axis=1)),
    }


def _shares(pairs: np.ndarray) -> np.ndarray:
    """(seeds, K + 1) pairs at each distance as shares of a seed's pairs."""
    return pairs / np.maximum(1, pairs.sum(axis=1, keepdims=True))


def _mean(seeds: np.ndarray) -> list[float]:
    mean: list[float] = seeds.mean(axis=0).round(_DIGITS_OF_CURVES).tolist()
    return mean


def _number(value: float, digits: int = _DIGITS) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _texts(nested: Mapping[str, Any]) -> list[list[str]]:
    """A nested mapping as pairs of texts: `optimizer.lr`, `0.05`."""
    flat = flatten(nested)
    return [[key, value if isinstance(value, str) else json.dumps(value)] for key, value in flat.items()]
