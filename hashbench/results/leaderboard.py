"""The leaderboard: one row a (protocol fingerprint, method, preset, hyper-parameters, bits), over all its seeds.

The columns of the table and of the CSV are those of `hashbench.results.columns`, in its order. Some need a word:

- `<metric>_mean`, `<metric>_std` (ddof = 1) of every metric that any run has: first the one by which methods are ranked
  unless another is named, with its bounds, then the others sorted, numbers by size. Empty: not defined, not measured
  for all seeds, or the spread of one seed;
- `rank`, `rank_last`: interval of ranks among the rows of equal fingerprint and bits, by the metric that the table is
  sorted by (`hashbench.results.statistics`); empty: no order claimed;
- `rank_over`: what the order would survive: `seeds and queries`, or `seeds` (the metric is no mean over queries, or not
  every row of the group keeps it for each);
- `trials`, `most_trials`: how many settings were tried to find the row's hyper-parameters, and the most of any row of
  equal fingerprint and bits: a row with fewer has had less of a chance, and people see a mark at it;
- `queries_left_out`: test queries of which nothing in the database is relevant, so that no mean counts them;
- `warnings`: why the numbers of the row may mean nothing; empty: nothing was found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hashbench.errors import UserError, did_you_mean, shown
from hashbench.evaluation.metrics import headline
from hashbench.foreign_text import csv_cell
from hashbench.results.columns import csv_names, values
from hashbench.results.known_metric import known_metric
from hashbench.results.record import ResultRecord, row_key
from hashbench.results.sections import headings, sections, to_markdown
from hashbench.results.statistics import rank_groups

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["headings", "sections", "table", "to_csv", "to_markdown"]

RANK = ("rank", "rank_last")
RANK_OVER = "rank_over"
_DIGITS = 6


def table(
    records: Sequence[ResultRecord], *, metric: str = "map", queries: Mapping[str, ArrayLike] | None = None
) -> pd.DataFrame:
    """Summarise runs; sorted by protocol, fingerprint, bits, then by `metric`, the best first.

    Args:
        records: of runs that all differ (`find_runs` sees to that).
        metric: by which rows are sorted and ranked.
        queries: `row_key` -> (Q,) its values per query, see `hashbench.results.per_query`; rows may be missing.

    Returns:
        One row a setting, with the columns of the module's head, indexed by the setting's `row_key`; no row for no
        record.

    Raises:
        UserError: no run has this metric, or nothing says which of two values of it is the better one.
        ValueError: the same run twice.
    """
    import pandas as pd

    metrics = metric_names(records)
    if records and metric not in metrics:
        raise UserError(f"no run has the metric {shown(metric)}. {did_you_mean(metric, metrics)}")
    better = known_metric(metric).metric.higher_is_better
    settings: dict[str, list[ResultRecord]] = {}
    for record in records:
        settings.setdefault(row_key(record), []).append(record)
    rows = [_row(runs, metrics) for runs in settings.values()]
    samples = [[run.metrics.get(metric, math.nan) for run in runs] for runs in settings.values()]
    _add_most_trials(rows)
    _add_ranks(rows, samples, [(queries or {}).get(key) for key in settings], better)

    def order(place: int) -> tuple[Any, ...]:
        row = rows[place]
        value = row[f"{metric}_mean"]
        worth = (1, 0.0) if math.isnan(value) else (0, -value if better else value)
        return *(row[name] for name in ("protocol", "fingerprint", "bits")), worth, *(row[name] for name in last)

    last = ("method", "preset", "hparams")
    places = sorted(range(len(rows)), key=order)
    keys = list(settings)
    frame = pd.DataFrame(
        [rows[place] for place in places],
        columns=csv_names(metrics),
        index=[keys[place] for place in places],
    )
    return frame.astype(dict.fromkeys(RANK, "Int64"))


def to_csv(frame: pd.DataFrame) -> str:
    """A table as CSV: a header, one line per row, numbers with 6 significant digits, empty where there is none.

    Text that a spreadsheet would compute has a `'` in front (`hashbench.foreign_text.csv_cell`).
    """
    safe = frame.rename(columns=csv_cell)
    for name in safe.select_dtypes(exclude="number"):
        safe[name] = safe[name].map(csv_cell)
    return safe.to_csv(index=False, float_format=f"%.{_DIGITS}g", lineterminator="\n")


def metric_names(records: Iterable[ResultRecord]) -> list[str]:
    """Every metric of any record, in the order of the columns."""
    found = {name for record in records for name in record.metrics}
    first = headline()
    return [name for name in first if name in found] + sorted(found - set(first), key=_natural)


def _natural(name: str) -> list[tuple[int, str]]:
    """Key that puts `precision@500` before `precision@1000`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _row(runs: Sequence[ResultRecord], metrics: Sequence[str]) -> dict[str, Any]:
    """One row, its rank not known yet."""
    if len({run.seed for run in runs}) < len(runs):
        raise ValueError(f"the same run twice: {runs[0].method}, {runs[0].bits} bits: {[run.seed for run in runs]}")
    return values(runs, metrics)


def _add_most_trials(rows: Sequence[dict[str, Any]]) -> None:
    most: dict[tuple[str, int], int] = {}
    for row in rows:
        group = row["fingerprint"], row["bits"]
        most[group] = max(row["trials"], most.get(group, 0))
    for row in rows:
        row["most_trials"] = most[row["fingerprint"], row["bits"]]


def _add_ranks(
    rows: Sequence[dict[str, Any]],
    samples: Sequence[Sequence[float]],
    queries: Sequence[ArrayLike | None],
    higher_is_better: bool,
) -> None:
    groups: dict[tuple[str, int], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault((row["fingerprint"], row["bits"]), []).append(place)
    for places in groups.values():
        measured = [queries[place] for place in places if not np.isnan(samples[place]).any()]
        of_queries = [queries[place] for place in places] if _of_one_length(measured) else None
        ranks = rank_groups([samples[place] for place in places], queries=of_queries, higher_is_better=higher_is_better)
        for place, rank in zip(places, ranks, strict=True):
            rows[place] |= zip(RANK, rank or (None, None), strict=True)
            rows[place][RANK_OVER] = None if rank is None else "seeds" if of_queries is None else "seeds and queries"


def _of_one_length(queries: Sequence[ArrayLike | None]) -> bool:
    """Whether all have values per query, of the same two queries or more."""
    lengths = {0 if values is None else len(np.asarray(values)) for values in queries}
    return len(lengths) == 1 and lengths.pop() > 1
