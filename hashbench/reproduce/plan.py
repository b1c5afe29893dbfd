"""From a table and a budget to the list of its runs, and to all that was reduced against the paper's protocol."""

from __future__ import annotations

from dataclasses import dataclass

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.reproduce.planner import Choices, Planner
from hashbench.reproduce.reductions import Difference, differences
from hashbench.reproduce.targets import Budget, Part, Setup, Target, find_target, targets_file


@dataclass(frozen=True)
class PlannedPart:
    """One part of a target, ready to run.

    Attributes:
        part, setup: as declared.
        runs: one per code length, seed, method and setting.
        differs: how the protocol in force differs from the full one; empty where it does not.
    """

    part: Part
    setup: Setup
    runs: tuple[RunSpec, ...]
    differs: tuple[Difference, ...]


@dataclass(frozen=True)
class Plan:
    """A target at a budget.

    Attributes:
        reduced: all that is less than, or other than, the paper's protocol, one line each.
    """

    name: str
    target: Target
    budget: Budget
    parts: tuple[PlannedPart, ...]
    reduced: tuple[str, ...]

    @property
    def runs(self) -> list[RunSpec]:
        """Of all parts, each once: two parts may share some."""
        return list({run_key(spec): spec for part in self.parts for spec in part.runs}.values())


def make_plan(name: str, budget: Budget, catalog: Catalog, choices: Choices) -> Plan:
    """Work out the runs of a table or figure.

    Raises:
        UserError: an unknown one, a method that it does not have, or nothing that can be run (with what to give).
    """
    target = find_target(name)
    planner = Planner(target, budget, catalog, choices)
    parts: list[PlannedPart] = []
    reduced, wanted = planner.reduced(), dict[str, None]()
    for part in target.parts:
        setup = targets_file().setups[part.setup]
        if not planner.methods(part):
            continue
        lacking = planner.left_out(setup)
        if not lacking and (options := planner.options_wanted(part, setup)):
            lacking = f"it needs {' and '.join(options)}"
            wanted.update(dict.fromkeys(options))
        if lacking:
            reduced.append(f"{part.setup}: left out; {lacking}")
            continue
        runs = planner.runs(part, setup)
        differs = differences(setup, planner.methods(part), runs[0], planner.unreduced(part, setup))
        parts.append(PlannedPart(part, setup, runs, differs))
        if differs:
            reduced.append(f"{part.setup}: {'; '.join(f'{d.field} {d.words}' for d in differs)}")
    if not parts and wanted:
        raise UserError(f"reproduce {name} --budget {budget} needs {' and '.join(wanted)}")
    if not parts:
        raise UserError(f"reproduce {name} --budget {budget}: nothing can be run: {'; '.join(reduced)}")
    return Plan(name, target, budget, tuple(parts), tuple(dict.fromkeys(reduced)))


def run_key(spec: RunSpec) -> str:
    """Equal for runs that are the same run."""
    return repr((spec.protocol, spec.identity()))
