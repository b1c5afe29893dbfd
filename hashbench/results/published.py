"""The numbers that the papers print, beside which ours are shown. They are not measured here.

published.csv holds them as printed (columns: the attributes of `PublishedNumber`), methods under their names in
the catalogue; `(percent)` after a metric says the unit of its values.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_name("published.csv")
_PERCENT = "(percent)"
_ALL = "@all"


class PublishedNumber(NamedTuple):
    """One cell of a table of a paper.

    Attributes:
        paper: key, e.g. `dualhash`.
        table: number or section in the paper.
        dataset: the paper's data set and variant.
        metric: in the names of result.json (`map`, `map@5000`, `precision@r2`, ...), `seconds_per_epoch`, or the
            relative `METRIC gain over METHOD`.
        backbone: what the codes were computed from; `handcrafted`, `gist384`, `bow500` are features.
        method: name in the catalogue.
        bits: code length K.
        value: in [0, 1], whatever the paper's unit; but `seconds_per_epoch` in seconds.
    """

    paper: str
    table: str
    dataset: str
    metric: str
    backbone: str
    method: str
    bits: int
    value: float


def published(method: str) -> list[PublishedNumber]:
    """The printed numbers of a method, in the order of the papers; none for a method that they do not have."""
    return [number for number in _all() if number.method == method]


def in_table(paper: str, table: str) -> list[PublishedNumber]:
    """The printed numbers of one table of one paper; none where we know of none."""
    return [number for number in _all() if (number.paper, number.table) == (paper, table)]


@cache
def _all() -> tuple[PublishedNumber, ...]:
    with open(_FILE, encoding="utf-8", newline="") as file:
        return tuple(_number(row) for row in csv.DictReader(file))


def _number(row: dict[str, str]) -> PublishedNumber:
    percent = row["metric"].endswith(_PERCENT)
    metric = row["metric"].removesuffix(_PERCENT).removesuffix(_ALL)
    value = round(float(row["value"]) / 100, 12) if percent else float(row["value"])
    return PublishedNumber(**(row | {"metric": metric, "bits": int(row["bits"]), "value": value}))  # type: ignore[arg-type]
