"""Search spaces of hyper-parameters: what an entry may say, and draws that no other method or hyper-parameter moves.

A space is `{name: {log|uniform: [low, high]}}` or `{name: {choice: [...]}}`. The value of a hyper-parameter in a trial
is a function of (seed, method, hyper-parameter, trial) alone: adding a method or a hyper-parameter changes nobody
else's draws, and more trials only append.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hashbench.catalog import Catalog
from hashbench.catalog.constructor import Argument
from hashbench.catalog.request import RunSpec, parse_sets
from hashbench.catalog.set_values import check_hyper_parameters
from hashbench.errors import UserError, cut, did_you_mean, shown

Space = Mapping[str, Mapping[str, list[Any]]]

SAMPLERS = ("named", "tpe")
"""How values are drawn: by name, see `draw_one`; or from the trials so far, by Optuna's tree of Parzen estimators."""

_KINDS = ("log", "uniform", "choice")


def draw_one(
    entry: Mapping[str, list[Any]], seed: int, method: str, name: str, number: int, *, whole: bool = False
) -> Any:
    """The value of one hyper-parameter in one trial; numbers have four significant digits and lie within the limits.

    Args:
        entry: of a space.
        seed, method, name, number: of the stream that the value comes from.
        whole: numbers are whole, both limits among them: equally likely, or for a log as the interval of half a unit to
            either side is on a logarithmic scale.

    Raises:
        UserError: an entry of another form.
    """
    from hashbench.data.seeding import derive_seed

    kind, options = checked(entry, f"search space of {method}: {name}")
    share = derive_seed(seed, "tune", method, name, number) / 2**63
    if kind == "choice":
        return options[int(share * len(options))]
    low, high = options
    if whole:
        first, beyond = (low, high + 1) if kind == "uniform" else (math.log(low - 0.5), math.log(high + 0.5))
        drawn = first + share * (beyond - first)
        return min(max(math.floor(drawn) if kind == "uniform" else round(math.exp(drawn)), int(low)), int(high))
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


def with_changes(
    catalog: Catalog, method: str, words: Sequence[str], recipe: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    """The space of a method's entry with what `--search` says: `KEY=log LOW HIGH`, `KEY=uniform LOW HIGH` or
    `KEY=choice A B ...`, which replace an entry or add one.

    Args:
        recipe: options of `optimizer` and `schedule` from which the search starts.

    Raises:
        UserError: text of another form, or a key that is no hyper-parameter of the method.
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
            check_hyper_parameters(catalog, method, {name: value}, recipe, "--search")
    for name, kinds in space.items():
        checked(kinds, f"search space of {method}: {name}")
    return space


RATE = "optimizer.lr"


def with_rates(
    space: dict[str, dict[str, list[Any]]], words: Sequence[str], defaults: RunSpec
) -> tuple[dict[str, dict[str, list[Any]]], list[float]]:
    """The space in which a method is searched under a protocol that owns the optimizer: there, so are the rates.

    Args:
        space: of the method's entry and of `--search`.
        words: of `--search`: who names the rate there, decides it.
        defaults: the run from which the search starts.

    Returns:
        The space, its rate between the least and the largest of the protocol's; and these, those of `defaults` aside,
        to be tried first. Where the optimizer is the method's, a preset's or the user's: the space, and none.
    """
    if defaults.recipe != "protocol" or any(word.startswith(f"{RATE}=") for word in words):
        return space, []
    rates = defaults.settings.rates
    if min(rates) < max(rates):
        space = space | {RATE: {"log": [min(rates), max(rates)]}}
    return space, [rate for rate in dict.fromkeys(rates) if rate != defaults.optimizer["lr"]]


def whole_numbers(catalog: Catalog, method: str, space: Space, types: Mapping[str, str]) -> frozenset[str]:
    """The hyper-parameters of a space that are drawn as whole numbers, because what takes them is declared `int`.

    Where nothing is declared, whole is what has whole limits and a whole default.

    Args:
        types: of `optimizer` and `schedule`, what the search starts from; the space may name others.

    Raises:
        UserError: limits of such a hyper-parameter that are not whole.
    """
    found = set()
    for key, entry in space.items():
        kind, options = checked(entry, f"search space of {method}: {key}")
        if kind == "choice" or not any(
            _is_whole(one, options) for one in _declarations(catalog, method, key, space, types)
        ):
            continue
        if not all(float(limit).is_integer() for limit in options):
            raise UserError(
                f"search space of {method}: {key} is a whole number: {kind} needs whole limits, got {_words(options)}"
            )
        found.add(key)
    return frozenset(found)


def _declarations(catalog: Catalog, method: str, key: str, space: Space, types: Mapping[str, str]) -> list[Argument]:
    """What the classes say that take a hyper-parameter: several where the space has several types of optimizer."""
    section, dot, option = key.partition(".")
    if not dot:
        own, changed = catalog.arguments("methods", method), catalog.method(method).hparams
        return [Argument(changed.get(key, own[key].default), own[key].annotation)] if key in own else []
    named = [types.get(section), *space.get(f"{section}.type", {}).get("choice", [])]
    known = [name for name in named if name in catalog.section(f"{section}s")]
    takers = [catalog.arguments(f"{section}s", name) for name in known]
    return [taken[option] for taken in takers if option in taken]


def _is_whole(argument: Argument, limits: Sequence[Any]) -> bool:
    if argument.annotation:
        return "int" in (words := re.findall(r"\w+", argument.annotation)) and "float" not in words
    return all(type(number) is int for number in (argument.default, *limits))


def is_finite_number(value: Any) -> bool:
    """Whether a value, of a file perhaps, is a number that a float can hold."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # a whole number may be too large for a float


def _words(values: Sequence[Any]) -> str:
    return cut(" ".join(map(str, values)), 60) or "nothing"
