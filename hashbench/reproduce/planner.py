"""The runs of one part of a table at a budget, after what a person chose: bits, seeds, methods, grid, data, weights."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec, resolve
from hashbench.errors import UserError, did_you_mean
from hashbench.evaluation.metrics import cut_offs
from hashbench.reproduce.targets import Budget, Part, Setup, Stage, Target, targets_file

_EMBEDDED = ("digits",)
"""Data sets that need no folder."""


@dataclass(frozen=True)
class Choices:
    """What a person changes in a budget; None: nothing.

    Attributes:
        methods: only these names.
        bits, seeds, epochs: in place of the budget's.
        roots: data set of the catalogue -> folder or file; "" for all others.
        weights: file of backbone weights.
        out: folder of the runs.
        device, plugins: as in `RunSpec`.
    """

    methods: Sequence[str] | None = None
    bits: Sequence[int] | None = None
    seeds: Sequence[int] | None = None
    epochs: int | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    weights: Path | None = None
    out: Path = Path("runs")
    device: str = "auto"
    plugins: tuple[Path, ...] = ()


class Planner:
    """Bits, seeds, methods and grid of a budget, after what the person asked for, and the runs that follow."""

    def __init__(self, target: Target, budget: Budget, catalog: Catalog, choices: Choices) -> None:
        self.target, self.budget, self.catalog, self.choices = target, budget, catalog, choices
        smoke = budget == "smoke"
        self.bits = list(choices.bits or (target.bits[:1] if smoke else target.bits))
        default = 1 if smoke else target.seeds if budget == "full" else min(3, target.seeds)
        self.seeds = list(choices.seeds if choices.seeds is not None else range(default))
        for name in choices.methods or ():
            if name not in self._known:
                raise UserError(f"--methods {name}: not in this table. {did_you_mean(name, self._known)}")

    @property
    def _known(self) -> list[str]:
        return list(dict.fromkeys(name_of(method) for part in self.target.parts for method in part.methods))

    def methods(self, part: Part) -> list[str]:
        """Of a part, those asked for."""
        chosen = self.choices.methods
        return [method for method in part.methods if chosen is None or name_of(method) in chosen]

    def reduced(self) -> list[str]:
        """Lines about bits, seeds, methods and grid."""
        lines = []
        if self.bits != self.target.bits:
            lines.append(f"bits: {_listed(self.bits)} instead of {_listed(self.target.bits)}")
        if len(self.seeds) < self.target.seeds:
            lines.append(f"seeds: {len(self.seeds)} instead of {self.target.seeds}")
        if left := [name for name in self._known if name not in (self.choices.methods or self._known)]:
            lines.append(f"methods left out: {', '.join(left)}")
        if self.budget == "smoke" and any(part.grid for part in self.target.parts):
            lines.append("settings: only the corners of the grid")
        return lines

    def left_out(self, setup: Setup) -> str:
        """Why a setup is not done at this budget; empty if it is.

        Reduced budgets work on CIFAR-10 or the digits. Another data set's rows would repeat those numbers, so they are
        left out, unless the table has no others.
        """
        if self.budget != "full":
            others = {targets_file().setups[part.setup].dataset for part in self.target.parts}
            repeats = setup.dataset != "cifar10" and "cifar10" in others
            return f"--budget {self.budget} has one data set" if repeats else ""
        if setup.full is None:
            return setup.missing
        known = setup.full.protocol in self.catalog.protocols
        return "" if known else f"protocol {setup.full.protocol} is not in the catalogue"

    def options_wanted(self, part: Part, setup: Setup) -> list[str]:
        """The options that must be given for a part to have its data and weights; none if it has them."""
        spec = self._spec(self._stage(setup), part, self.methods(part)[0], self.bits[0], 0, {})
        dataset, backbone = spec.settings.dataset, spec.settings.backbone
        wanted = []
        if dataset not in _EMBEDDED and spec.data_root is None:
            wanted.append(f"--data-root {_images(dataset)}=PATH")
        if spec.settings.pretrained and spec.weights is None and self.catalog.backbone(backbone).needs_file:
            wanted.append(f"--weights FILE (of the backbone {backbone})")
        return wanted

    def runs(self, part: Part, setup: Setup) -> tuple[RunSpec, ...]:
        """All runs of a part: one per code length, seed, method and setting."""
        stage = self._stage(setup)
        return tuple(
            self._spec(stage, part, method, bits, seed, values)
            for bits in self.bits
            for seed in self.seeds
            for method in self.methods(part)
            for values in self._grid(part)
        )

    def unreduced(self, part: Part, setup: Setup) -> RunSpec | None:
        """A run of the part as the full budget has it and nobody reduced it; None where there is no such protocol."""
        if setup.full is None or setup.full.protocol not in self.catalog.protocols:
            return None
        return Planner(self.target, "full", self.catalog, Choices())._spec(
            setup.full, part, part.methods[0], self.bits[0], 0, {}
        )

    def _stage(self, setup: Setup) -> Stage:
        stage = {"smoke": setup.smoke, "cpu": setup.cpu, "full": setup.full}[self.budget]
        assert stage is not None  # left_out has seen to that
        return stage

    def _grid(self, part: Part) -> list[dict[str, float]]:
        axes = [[v[0], v[-1]] if self.budget == "smoke" else v for v in part.grid.values()]
        return [dict(zip(part.grid, values, strict=True)) for values in itertools.product(*axes)]

    def _spec(
        self, stage: Stage, part: Part, method: str, bits: int, seed: int, values: Mapping[str, float]
    ) -> RunSpec:
        """The run of one cell."""
        name, _, preset = method.partition("@")
        base, choices = self.catalog.protocol(stage.protocol), self.choices
        changes: dict[str, Any] = dict(stage.changes)
        cuts = set(cut_offs(part.measured))
        measured = set(changes.get("topk", base.topk))
        if not cuts <= measured:
            changes["topk"] = sorted(cuts | measured)
        if choices.epochs is not None:
            changes["epochs"] = choices.epochs
        spec = resolve(
            self.catalog,
            method=name,
            preset=preset or stage.presets.get(name),
            protocol=stage.protocol,
            sets=[f"{key}={value}" for key, value in values.items()],
            changes=changes,
            bits=bits,
            seed=seed,
            out=choices.out,
            device=choices.device,
            plugins=choices.plugins,
            weights=choices.weights if changes.get("pretrained", base.pretrained) else None,
        )
        return replace(spec, data_root=self._root(spec.settings.dataset))

    def _root(self, dataset: str) -> Path | None:
        """Where the data are."""
        names = () if dataset in _EMBEDDED else (dataset, _images(dataset), "")
        return next((self.choices.roots[name] for name in names if name in self.choices.roots), None)


def name_of(method: str) -> str:
    """NAME of NAME@PRESET."""
    return method.partition("@")[0]


def _images(dataset: str) -> str:
    """The data set whose images a data set of hand-crafted features is computed from; others, as they are."""
    return dataset.removeprefix("gist_")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
