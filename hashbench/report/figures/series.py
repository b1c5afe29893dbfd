"""Which runs stand beside each other: those of one protocol fingerprint, as series named as in the leaderboard."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from hashbench.results.flat import flatten
from hashbench.results.folder import RunFolder
from hashbench.results.layout import protocol_dir_name
from hashbench.results.naming import display_name, tuning
from hashbench.results.record import row_key


@dataclass(frozen=True)
class Series:
    """The runs of one setting and one code length; they differ in their seed only.

    Attributes:
        label: method, preset and tuning; the same for every code length.
        bits: code length K.
        runs: in the order of their seeds.
    """

    label: str
    bits: int
    runs: tuple[RunFolder, ...]


@dataclass(frozen=True)
class SeriesGroup:
    """All series of one fingerprint; nothing is ever drawn from two.

    Attributes:
        name: part of file names: the protocol, with the start of the fingerprint where several share its name.
        heading: protocol, fingerprint, backbones (shallow methods may see raw data).
        series: in display order, then by bits.
    """

    name: str
    heading: str
    series: tuple[Series, ...]

    @property
    def bits(self) -> list[int]:
        """Code lengths of any series, ascending."""
        return sorted({series.bits for series in self.series})

    def at(self, bits: int) -> list[Series]:
        """The series of one code length, in display order."""
        return [series for series in self.series if series.bits == bits]

    def over_bits(self) -> dict[str, list[Series]]:
        """For each label, in display order, its series by ascending code length."""
        lines: dict[str, list[Series]] = {}
        for series in self.series:
            lines.setdefault(series.label, []).append(series)
        return lines


def settings(group: SeriesGroup) -> dict[str, str]:
    """Where a method has several settings, what tells each from the others: label -> `lam=0.05, optimizer.lr=0.5`."""
    of_method: dict[str, dict[str, dict[str, object]]] = {}
    for label, series in group.over_bits().items():
        record = series[0].runs[0].record
        of_method.setdefault(record.method, {})[label] = flatten(record.hparams)
    texts = {}
    for of_label in of_method.values():
        differing = _differing(of_label.values())
        for label, hparams in of_label.items():
            texts[label] = ", ".join(f"{name}={hparams.get(name)}" for name in differing)
    return {label: text for label, text in texts.items() if text}


def group_series(runs: Sequence[RunFolder], *, first: Sequence[str] = ()) -> tuple[list[SeriesGroup], list[str]]:
    """Arrange runs for drawing.

    Args:
        runs: that all differ (`find_runs` sees to that).
        first: methods to show first, in this order; the others follow, best mean test mAP over bits and seeds first.
            Variants of one method, whose names share what is before the first `_`, stand together.

    Returns:
        One group per fingerprint, by protocol and fingerprint, and all labels in display order.
    """
    labels = _labels(runs)
    values: dict[str, list[float]] = {}
    for run, label in zip(runs, labels, strict=True):
        values.setdefault(label, []).append(run.record.metrics.get("map", 0.0))
    method_of = dict(zip(labels, (run.record.method for run in runs), strict=True))

    worth = {label: fmean(of_label) for label, of_label in values.items()}
    best: dict[str, float] = {}
    for label, value in worth.items():
        family = _family(method_of[label])
        best[family] = max(value, best.get(family, value))

    def place(label: str) -> tuple[int, float, str, float, str]:
        method = method_of[label]
        if method in first:
            return first.index(method), 0.0, "", -worth[label], label
        family = _family(method)
        return len(first), -best[family], family, -worth[label], label

    order = sorted(values, key=place)
    grouped: dict[str, dict[tuple[int, int], list[RunFolder]]] = {}
    for run, label in zip(runs, labels, strict=True):
        series = grouped.setdefault(run.record.fingerprint, {})
        series.setdefault((order.index(label), run.record.bits), []).append(run)
    found = [_group(series, order, runs) for series in grouped.values()]
    return sorted(found, key=lambda group: group.name), order


def _family(method: str) -> str:
    return method.partition("_")[0]


def _group(
    grouped: dict[tuple[int, int], list[RunFolder]], order: Sequence[str], runs: Sequence[RunFolder]
) -> SeriesGroup:
    series = []
    for (place, bits), members in sorted(grouped.items()):
        members = sorted(members, key=lambda run: run.record.seed)
        series.append(Series(order[place], bits, tuple(members)))
    record = series[0].runs[0].record
    namesakes = {run.record.fingerprint for run in runs if run.record.protocol == record.protocol}
    name = protocol_dir_name(record.protocol, record.fingerprint, ambiguous=len(namesakes) > 1)
    backbones = dict.fromkeys(run.record.backbone for one in series for run in one.runs)
    heading = f"{record.protocol} · fingerprint {record.fingerprint[:8]} · {', '.join(backbones)}"
    return SeriesGroup(re.sub(r"[^\w.@+-]", "_", name), heading, tuple(series))


def _labels(runs: Sequence[RunFolder]) -> list[str]:
    """One label a run, equal for equal settings; hyper-parameters are named where the rest would not tell two apart."""
    base = [display_name(r.record.method, r.record.preset, tuning(r.record)) for r in runs]
    alike: dict[tuple[str, str], list[RunFolder]] = {}
    for run, label in zip(runs, base, strict=True):
        alike.setdefault((run.record.fingerprint, label), []).append(run)
    return [
        f"{label} ({difference})" if (difference := _difference(run, alike[run.record.fingerprint, label])) else label
        for run, label in zip(runs, base, strict=True)
    ]


def _difference(run: RunFolder, others: Sequence[RunFolder]) -> str:
    """The hyper-parameters in which the settings of one code length differ, as text; empty for one setting."""
    by_bits: dict[int, dict[str, dict[str, object]]] = {}
    for other in others:
        of_bits = by_bits.setdefault(other.record.bits, {})
        of_bits[row_key(other.record)] = flatten(other.record.hparams)
    differing = dict.fromkeys(name for of_bits in by_bits.values() for name in _differing(of_bits.values()))
    own = flatten(run.record.hparams)
    return ", ".join(f"{name}={own.get(name)}" for name in differing)


def _differing(hparams: Collection[Mapping[str, object]]) -> list[str]:
    """Names of which not all have the same value."""
    names = dict.fromkeys(name for one in hparams for name in one)
    return [name for name in names if len({json.dumps(one.get(name)) for one in hparams}) > 1]
