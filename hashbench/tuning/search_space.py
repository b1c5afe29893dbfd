"""Search spaces of hyper-parameters: what an entry may say, and draws that no other method or hyper-parameter moves.

A space is `{name: {log|uniform: [low, high]}}` or `{name: {choice: [...]}}`. The value of a hyper-parameter in a trial
is a function of (seed, method, hyper-parameter, trial) alone: adding a method or a hyper-parameter changes nobody
else's draws, and more trials only append.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hashbench.catalog import Catalog
from hashbench.catalog.request import parse_sets
from hashbench.catalog.set_values import check_hyper_parameters
from hashbench.errors import UserError, cut, did_you_mean, shown

Space = Mapping[str, Mapping[str, list[Any]]]

SAMPLERS = ("named", "tpe")
"""How values are drawn: by name, see `draw_one`; or from the trials so far, by Optuna's tree of Parzen estimators."""

_KINDS = ("log", "uniform", "choice")


def draw_one(entry: Mapping[str, list[Any]], seed: int, method: str, name: str, number: int) -> Any:
    """The value of one hyper-parameter in one trial; numbers have four significant digits and lie within the limits.

    Raises:
        UserError: an entry of another form.
    """
    from hashbench.data.seeding import derive_seed

    kind, options = checked(entry, f"search space of {method}: {name}")
    share = derive_seed(seed, "tune", method, name, number) / 2**63
    if kind == "choice":
        return options[int(share * len(options))]
    low, high = options
    if kind == "uniform":
        value = low + share * (high - low)
    else:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return min(max(float(f"{value:.4g}"), float(low)), float(high))


def checked(entry: Mapping[str, list[Any]], where: str) -> tuple[str, list[Any]]:
    """Kind and options of one entry of a space.

    Args:
        where: what an error message calls it.

    Raises:
        UserError: an unknown kind, no choice, limits that are no numbers or in the wrong order, a log of 0 or less.
    """
    kind, options = next(iter(entry.items())) if len(entry) == 1 else (", ".join(entry), [])
    if kind not in _KINDS:
        raise UserError(f"{where} has kind {shown(kind)}; use log, uniform or choice")
    if kind == "choice":
        if not options:
            raise UserError(f"{where}: a choice needs at least one value")
        return kind, options
    numbers = [value for value in options if is_finite_number(value)]
    if len(options) != 2 or len(numbers) != 2 or numbers[0] >= numbers[1]:
        raise UserError(f"{where}: {kind} needs two numbers, the lower one first, got {_words(options)}")
    if kind == "log" and numbers[0] <= 0:
        raise UserError(f"{where}: log needs limits above 0, got {_words(options)}")
    return kind, options


def with_changes(catalog: Catalog, method: str, words: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """The space of a method's entry with what `--search` says: `KEY=log LOW HIGH`, `KEY=uniform LOW HIGH` or
    `KEY=choice A B ...`, which replace an entry or add one.

    Raises:
        UserError: text of another form, a key that is no hyper-parameter of the method, or nothing to search.
    """
    space = {name: dict(kinds) for name, kinds in catalog.method(method).search.items()}
    defaults = catalog.defaults("methods", method)
    for text in words:
        name, equals, rest = text.partition("=")
        kind, *values = rest.split() or [""]
        if not equals or not name or kind not in _KINDS:
            raise UserError(f"--search {shown(text)}: expected 'KEY=log 0.1 1', 'KEY=uniform 0 1' or 'KEY=choice a b'")
        known = [*defaults, "optimizer.KEY", "schedule.KEY"]
        if name not in defaults and name.partition(".")[0] not in ("optimizer", "schedule"):
            raise UserError(
                f"--search {cut(name, 60)}: method {method} has no such hyper-parameter. {did_you_mean(name, known)}"
            )
        space[name] = {kind: [parse_sets([f"{name}={value}"], "--search")[name] for value in values]}
        for value in space[name][kind]:
            check_hyper_parameters(catalog, method, {name: value}, "--search")
    if not space:
        raise UserError(
            f"method {method} has no search space in its registry entry: give one with --search 'KEY=log LOW HIGH'"
        )
    for name, kinds in space.items():
        checked(kinds, f"search space of {method}: {name}")
    return space


def is_finite_number(value: Any) -> bool:
    """Whether a value, of a file perhaps, is a number that a float can hold."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # a whole number may be too large for a float


def _words(values: Sequence[Any]) -> str:
    return cut(" ".join(map(str, values)), 60) or "nothing"
