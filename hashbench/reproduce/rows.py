"""Our numbers beside the printed ones: one row per metric, method, setting and code length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hashbench.catalog.request import RunSpec
from hashbench.reproduce.plan import Plan, PlannedPart, run_key
from hashbench.reproduce.targets import GAIN
from hashbench.results.published import PublishedNumber, in_table
from hashbench.results.record import DEFAULT_PRESET, ResultRecord
from hashbench.results.statistics import summarize

SECONDS = "seconds_per_epoch"


class Row(NamedTuple):
    """One cell of a table, ours and theirs.

    Attributes:
        setup: its name in targets.yaml.
        dataset, backbone: as the paper has them; `protocol` says what ours are.
        metric: as in result.json, `seconds_per_epoch`, or `METRIC gain over METHOD` (relative).
        method, preset: in the catalogue.
        setting: values of the grid's hyper-parameters; empty where there is no grid.
        bits: code length K.
        seeds: runs behind `mean`; 0 where there are none.
        mean, std: ours over the seeds (ddof = 1); NaN where not measured, and the spread of one seed.
        printed: the paper's; NaN where it prints none.
        difference: mean - printed; NaN where one of them is missing.
        comparable: `yes`, `with caveats` or `no`; empty where nothing is printed.
        reason: why not, or the caveats.
        protocol, fingerprint: of our runs.
    """

    setup: str
    dataset: str
    backbone: str
    metric: str
    method: str
    preset: str
    setting: str
    bits: int
    seeds: int
    mean: float
    std: float
    printed: float
    difference: float
    comparable: str
    reason: str
    protocol: str
    fingerprint: str

    @property
    def name(self) -> str:
        """Method, with its preset or setting where it is not the default."""
        if self.setting:
            return f"{self.method} ({self.setting})"
        return self.method if self.preset == DEFAULT_PRESET else f"{self.method}@{self.preset}"


def make_rows(plan: Plan, records: Mapping[str, ResultRecord]) -> list[Row]:
    """Rows of a plan, in the order of its parts, metrics, methods and bits.

    Args:
        records: of the finished runs, by `run_key`; what is missing gives NaN.
    """
    printed = [number for table in plan.target.printed for number in in_table(plan.target.paper, table)]
    return [row for part in plan.parts for row in _rows(part, records, printed)]


def _rows(part: PlannedPart, records: Mapping[str, ResultRecord], printed: Sequence[PublishedNumber]) -> Iterable[Row]:
    settings: dict[tuple[str, str], dict[int, list[RunSpec]]] = {}
    for spec in part.runs:
        settings.setdefault((spec.method, spec.preset), {}).setdefault(spec.bits, []).append(spec)
    found = [
        (specs[0], [records[run_key(spec)] for spec in specs if run_key(spec) in records])
        for lengths in settings.values()
        for specs in lengths.values()
    ]
    for metric in part.part.metrics:
        gain = GAIN.fullmatch(metric)
        for spec, runs in found:
            if gain is None:
                values = [value_of(record, metric) for record in runs]
                mean, std, seeds = summarize(values) if values else (math.nan, math.nan, 0)
            elif spec.method == gain["method"]:
                continue
            else:
                others = [r for s, of in found if (s.method, s.bits) == (gain["method"], spec.bits) for r in of]
                mean, std, seeds = _gain(runs, others, gain["metric"]), math.nan, min(len(runs), len(others))
            number = _printed(printed, part, metric, spec)
            comparable, reason = ("", "") if math.isnan(number) else _comparable(part, metric)
            yield Row(
                setup=part.part.setup,
                dataset=part.setup.dataset,
                backbone=part.setup.backbone,
                metric=metric,
                method=spec.method,
                preset=spec.preset,
                setting=", ".join(f"{name}={spec.hparams[name]}" for name in part.part.grid),
                bits=spec.bits,
                seeds=seeds,
                mean=float(mean),
                std=float(std),
                printed=number,
                difference=float(mean) - number,
                comparable=comparable,
                reason=reason,
                protocol=spec.protocol,
                fingerprint=runs[0].fingerprint if runs else "",
            )


def value_of(record: ResultRecord, metric: str) -> float:
    """A metric of one run; NaN where it was not measured."""
    source = record.timing if metric == SECONDS else record.metrics
    return source.get(metric, math.nan)


def _gain(runs: Sequence[ResultRecord], others: Sequence[ResultRecord], metric: str) -> float:
    """Relative gain of one method's mean over another's."""
    if not runs or not others:
        return math.nan
    ours, theirs = (summarize([value_of(run, metric) for run in group]).mean for group in (runs, others))
    return float(ours / theirs - 1) if theirs else math.nan


def _printed(numbers: Sequence[PublishedNumber], part: PlannedPart, metric: str, spec: RunSpec) -> float:
    wanted = (part.setup.dataset, metric, part.setup.backbone, spec.method, spec.bits)
    found = (n.value for n in numbers if (n.dataset, n.metric, n.backbone, n.method, n.bits) == wanted)
    return next(found, math.nan)


def _comparable(part: PlannedPart, metric: str) -> tuple[str, str]:
    if part.differs:
        return "no", "other " + ", ".join(difference.field for difference in part.differs)
    if metric == SECONDS:
        return "no", "another machine"
    return ("with caveats", " ".join(part.setup.caveats)) if part.setup.caveats else ("yes", "")
