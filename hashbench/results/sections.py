"""A leaderboard table as people read it: one section a fingerprint, with a heading that says how it differs."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hashbench.results.folder import flatten
from hashbench.results.record import DEFAULT_PRESET, ResultRecord
from hashbench.results.statistics import MIN_SEEDS

if TYPE_CHECKING:
    import pandas as pd


def tuning(record: ResultRecord) -> str:
    """How the hyper-parameters came about: `defaults`, or `tuned(N)` after N trials."""
    return f"tuned({record.trials})" if record.trials else "defaults"


def display_name(method: str, preset: str, tuning: str) -> str:
    """A row's name as people read it and as the command line takes it.

    >>> display_name("dsh", "default", "defaults"), display_name("dsh", "release", "tuned(20)")
    ('dsh', 'dsh@release tuned(20)')
    """
    return method + ("" if preset == DEFAULT_PRESET else f"@{preset}") + ("" if tuning == "defaults" else f" {tuning}")


def row_names(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """`display_name` of rows of a table; where two would have one name under the same protocol and bits, because their
    hyper-parameters differ, a digest of these follows: `dsh (1a2b3c)`.
    """
    names = [display_name(row["method"], row["preset"], row["tuning"]) for row in rows]
    places = Counter((name, row["fingerprint"], row["bits"]) for name, row in zip(names, rows, strict=True))
    shared = {name for (name, _, _), count in places.items() if count > 1}
    return [
        f"{name} ({hashlib.sha256(row['hparams'].encode()).hexdigest()[:6]})" if name in shared else name
        for name, row in zip(names, rows, strict=True)
    ]


class Section(NamedTuple):
    """The rows of one fingerprint, as text.

    Attributes:
        heading: protocol, fingerprint, backbones.
        note: how it differs from other fingerprints of the same protocol, and why ranks are missing; may be empty.
        columns: their titles.
        rows: one text a column.
    """

    heading: str
    note: str
    columns: list[str]
    rows: list[list[str]]


def headings(records: Sequence[ResultRecord]) -> dict[str, str]:
    """For each fingerprint, what its protocol says otherwise than the other fingerprints of the same protocol's name.

    Returns:
        fingerprint -> `epochs = 5, split.seed = 1`, or an empty text where there is no other.
    """
    described = {record.fingerprint: record for record in records}
    flat = {fingerprint: flatten(record.protocol_description) for fingerprint, record in described.items()}
    texts = {}
    for fingerprint, record in described.items():
        others = [flat[f] for f, other in described.items() if other.protocol == record.protocol and f != fingerprint]
        keys = dict.fromkeys(key for other in [flat[fingerprint], *others] for key in other)
        own = flat[fingerprint]
        differing = [key for key in keys if any(other.get(key) != own.get(key) for other in others)]
        texts[fingerprint] = ", ".join(f"{key} = {json.dumps(own.get(key))}" for key in differing)
    return texts


def sections(
    frame: pd.DataFrame, *, metric: str = "map", differences: Mapping[str, str] | None = None
) -> list[Section]:
    """Lay a table out for reading.

    Args:
        frame: of `hashbench.results.leaderboard.table`.
        metric: shown first, with its standard deviation and its tie interval.
        differences: of `headings`.
    """
    others = [name for name in shown_metrics(frame) if name != metric]
    result = []
    for fingerprint, group in frame.groupby("fingerprint", sort=False):
        rows = group.to_dict("records")
        measured = [name for name in others if group[f"{name}_mean"].notna().any()]
        notes = [f"Differs in: {text}." for text in [(differences or {}).get(str(fingerprint), "")] if text]
        notes += _why_unranked(rows) + _over_seeds_alone(rows, metric)
        backbones = ", ".join(dict.fromkeys(row["backbone"] for row in rows))  # shallow methods may see raw pixels
        heading = f"{rows[0]['protocol']} · fingerprint {str(fingerprint)[:8]} · {backbones}"
        columns = ["bits", "rank", "method", "seeds", metric, *measured, "s/epoch", "total s", "peak MiB"]
        cells = [_cells(row, name, metric, measured) for row, name in zip(rows, row_names(rows), strict=True)]
        result.append(Section(heading, " ".join(notes), columns, cells))
    return result


def to_markdown(frame: pd.DataFrame, *, metric: str = "map", differences: Mapping[str, str] | None = None) -> str:
    """`sections` as Markdown, one table a fingerprint."""
    blocks = []
    for section in sections(frame, metric=metric, differences=differences):
        lines = [_markdown_row(section.columns), "|" + " --- |" * len(section.columns)]
        lines += [_markdown_row(row) for row in section.rows]
        blocks += [f"## {section.heading}", *([section.note] if section.note else []), "\n".join(lines)]
    return "\n\n".join([*blocks, LEGEND]) + "\n"


LEGEND = (
    "Mean ± standard deviation over seeds; in brackets the tie interval: the mean with ties in the worst and in the "
    "best order. Rank a–b, among rows of equal bits: significantly worse than a - 1, better than all but b, over seeds "
    "and queries; none: no order is claimed."
)


def _cells(row: Mapping[Any, Any], name: str, metric: str, others: Sequence[str]) -> list[str]:
    return [
        str(row["bits"]),
        _rank(row["rank"], row["rank_last"]),
        name,
        "1 seed" if row["seeds"] == 1 else f"{row['seeds']} seeds",
        _value(row, metric) + _tie_interval(row, metric),
        *(_value(row, name) for name in others),
        *(_number(row[name], digits) for name, digits in (("seconds_per_epoch", 2), ("total_seconds", 1))),
        _number(row["peak_memory_mb"], 0),
    ]


def _rank(first: object, last: object) -> str:
    if not isinstance(first, int):
        return ""
    return str(first) if first == last else f"{first}–{last}"


def _value(row: Mapping[Any, Any], metric: str) -> str:
    mean, std = row[f"{metric}_mean"], row[f"{metric}_std"]
    return _number(mean, 3) + ("" if math.isnan(std) else f" ± {std:.3f}")


def _tie_interval(row: Mapping[Any, Any], metric: str) -> str:
    worst, best = (row.get(f"{metric}_{end}_mean", math.nan) for end in ("worst", "best"))
    return "" if math.isnan(worst) or math.isnan(best) else f" [{worst:.2f}, {best:.2f}]"


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def shown_metrics(frame: pd.DataFrame) -> list[str]:
    """Those beside the first: few enough for a terminal; the CSV has them all."""
    names = [column.removesuffix("_mean") for column in frame.columns if column.endswith("_mean")]
    at_cut_off = [name for name in names if name.startswith("map@") and not name.endswith(("_worst", "_best"))]
    return [name for name in ("map", *at_cut_off, "precision@r2", "quantization_error") if name in names]


def _why_unranked(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    few = sorted({f"{row['method']} ({row['bits']} bits)" for row in rows if row["seeds"] < MIN_SEEDS})
    shown = ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")
    return [f"No order among rows of equal bits with fewer than {MIN_SEEDS} seeds: {shown}."] if few else []


def _over_seeds_alone(rows: Sequence[Mapping[Any, Any]], metric: str) -> list[str]:
    ranked = Counter(row["bits"] for row in rows if row["rank_over"] == "seeds")
    lengths = sorted(bits for bits, count in ranked.items() if count > 1)
    shown = ", ".join(map(str, lengths))
    return [f"Ranks over seeds alone at {shown} bits: not every row keeps {metric} for each query."] if lengths else []


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
