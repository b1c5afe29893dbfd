"""What the leaderboard page shows, as plain JSON values: the rows of the table, and of each its seeds and curves."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import hashbench
from hashbench.results.collect import row_key
from hashbench.results.folder import flatten
from hashbench.results.leaderboard import COST, headings, higher_is_better, metric_names, sections
from hashbench.results.sections import LEGEND, row_names, shown_metrics

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
        `metrics` names the pairs of each row's `stats`; `tables` has one entry per fingerprint, in the order of the
        sections of the terminal, with the same headings. A number that is not finite is None.
    """
    names = metric_names(records)
    runs: dict[str, list[ResultRecord]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        runs.setdefault(row_key(record), []).append(record)
    parts = sections(frame, metric=metric, differences=headings(records))
    groups = [group for _, group in frame.groupby("fingerprint", sort=False)]
    tables = []
    for part, group in zip(parts, groups, strict=True):
        lines = group.to_dict("records")
        rows = [
            _row(row, name, runs[key], names, metric)
            for key, row, name in zip(group.index, lines, row_names(lines), strict=True)
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
        "metrics": [{"name": name, "higher": higher_is_better(name)} for name in names],
        "shown": [name for name in shown_metrics(frame) if name != metric],
        "runs": len(records),
        "left_out": left_out,
        "dates": [dates[0], dates[-1]] if dates else [],
        "legend": LEGEND,
        "tables": tables,
    }


def _row(
    row: Mapping[Any, Any], name: str, runs: Sequence[ResultRecord], metrics: Sequence[str], metric: str
) -> dict[str, Any]:
    ranked = isinstance(row["rank"], int)
    return {
        "id": hashlib.sha256(row_key(runs[0]).encode()).hexdigest()[:10],
        "name": name,
        "bits": row["bits"],
        "backbone": row["backbone"],
        "rank": [row["rank"], row["rank_last"]] if ranked else None,
        "seeds": [run.seed for run in runs],
        "values": [_number(run.metrics.get(metric, math.nan)) for run in runs],
        "stats": [[_number(row[f"{key}_mean"]), _number(row[f"{key}_std"])] for key in metrics],
        "cost": [_number(row[key]) for key in COST],
        "hparams": _texts(runs[0].hparams),
        "chosen": [run.selection.get("epoch") for run in runs],
        "loss": _curve(runs, "loss"),
        "validation": _curve(runs, f"val_{metric}"),
        "retrieval": _retrieval(runs),
    }


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
