"""What a table or figure of a paper holds and which runs give it: the entries of targets.yaml, checked."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hashbench.errors import UserError, did_you_mean

BUDGETS = ("smoke", "cpu", "full")
Budget = Literal["smoke", "cpu", "full"]

GAIN = re.compile(r"(?P<metric>.+) gain over (?P<method>\w+)")
_FILE = Path(__file__).with_name("targets.yaml")


class Entry(BaseModel):
    """Nothing unknown is accepted, nothing is changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(Entry):
    """How the runs of a setup are done at one budget.

    Attributes:
        protocol: its name in the catalogue.
        changes: fields of the protocol that differ from its entry.
        presets: method -> preset; the defaults for all others.
    """

    protocol: str
    changes: dict[str, Any] = Field(default_factory=dict)
    presets: dict[str, str] = Field(default_factory=dict)


class Setup(Entry):
    """A data set and what codes are computed from, as a paper has them, and our way to them at each budget.

    Attributes:
        dataset, backbone: as in `hashbench.results.published`.
        full: None where it cannot be done here; `missing` then says why.
        caveats: why even numbers of `full` are not strictly comparable.
    """

    dataset: str
    backbone: str
    full: Stage | None = None
    cpu: Stage
    smoke: Stage
    missing: str = ""
    caveats: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_why_not(self) -> Setup:
        if (self.full is None) == (not self.missing):
            raise ValueError("a setup has either `full` or `missing`")
        return self


class Part(Entry):
    """Some rows of a table: methods under one setup.

    Attributes:
        setup: its name in targets.yaml.
        methods: NAME or NAME@PRESET.
        metrics: names of result.json, `seconds_per_epoch`, or `METRIC gain over METHOD`.
        grid: hyper-parameter -> values; every combination is run.
    """

    setup: str
    methods: list[str] = Field(min_length=1)
    metrics: list[str] = Field(min_length=1)
    grid: dict[str, list[float]] = Field(default_factory=dict)

    @property
    def measured(self) -> list[str]:
        """What the runs must have: of a gain, the metric that it is a gain of."""
        return [gain["metric"] if (gain := GAIN.fullmatch(metric)) else metric for metric in self.metrics]


class Target(Entry):
    """One table or figure.

    Attributes:
        title: what it shows.
        paper: key of `hashbench.results.published`.
        printed: tables of the paper from which printed numbers are taken; none for most figures.
        bits: code lengths.
        seeds: how many runs of each setting, as in the paper where it says.
        parts: in the order of the paper.
        figures: kinds of `hashbench figures`.
        notes: what a reader should know about the printed numbers.
    """

    title: str
    paper: Literal["dualhash", "deep_linf_encoder"]
    printed: list[str] = Field(default_factory=list)
    bits: list[int] = Field(min_length=1)
    seeds: int = Field(ge=1)
    parts: list[Part] = Field(min_length=1)
    figures: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class TargetsFile(Entry):
    """targets.yaml: setups and targets by name; `anchors` holds what YAML aliases refer to."""

    anchors: dict[str, Any] = Field(default_factory=dict)
    setups: dict[str, Setup]
    targets: dict[str, Target]

    @model_validator(mode="after")
    def _setups_are_there(self) -> TargetsFile:
        for name, target in self.targets.items():
            for part in target.parts:
                if part.setup not in self.setups:
                    raise ValueError(f"target {name}: no setup {part.setup!r}")
        return self


@cache
def targets_file() -> TargetsFile:
    """All that can be reproduced."""
    return TargetsFile.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def find_target(name: str) -> Target:
    """The target of a name.

    Raises:
        UserError: there is none of that name among those with measured numbers.
    """
    known = targets_file().targets
    if name not in known:
        raise UserError(f"no table or figure named {name!r}. {did_you_mean(name, known)}")
    return known[name]
