"""Whether a `--set KEY=VALUE` fits what it sets: the name known, the value of the kind that the catalogue has there.

A wrong one is found here, before anything heavy is imported, and not somewhere inside a method's class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hashbench.catalog.catalog import Catalog
from hashbench.errors import UserError, cut, did_you_mean

SECTIONS = ("optimizer", "schedule", "protocol", "backbone", "dataset")


def check_hyper_parameters(
    catalog: Catalog,
    method: str,
    given: Mapping[str, Any],
    recipe: Mapping[str, Mapping[str, Any]],
    option: str = "--set",
) -> None:
    """Check hyper-parameters, and the options of optimizer and schedule, against a method's entry and constructor.

    Args:
        recipe: options of `optimizer` and `schedule` that they change.
        option: of the command line that gave them, or what else they are called.

    Raises:
        UserError: a name that the method does not have (a misspelt one would silently change nothing), an optimizer for
            a method that has none, or a value of another kind than the default, the presets and the search space have.
    """
    entry, defaults = catalog.method(method), catalog.defaults("methods", method)
    for key in ("optimizer.type", "schedule.type"):
        if not isinstance(given.get(key, ""), str):
            raise UserError(f"{option} {key}={_text(given[key])}: expected a name; see hashbench list")
    for key, value in given.items():
        section, dot, name = key.partition(".")
        if not dot or section not in ("optimizer", "schedule"):
            known, name = defaults, key
        elif entry.kind == "shallow":
            raise UserError(
                f"{option} {cut(key, 60)}: method {method} is fitted, without optimizer and schedule: leave it out"
            )
        else:
            known = _options_of(catalog, section, recipe[section], given)
        if name in known:
            samples = [known[name], *(preset[key] for preset in entry.presets.values() if key in preset)]
            samples += [one for ends in entry.search.get(key, {}).values() for one in ends]
            _check_kind(f"{option} {key}", value, samples)
        elif known is defaults:
            names = [*defaults, *(f"{section}.KEY" for section in SECTIONS)]
            raise UserError(
                f"{option} {cut(key, 60)}: method {method} has no such hyper-parameter. {did_you_mean(key, names)}"
            )


def check_options(catalog: Catalog, section: str, name: str, given: Mapping[str, Any], option: str = "--set") -> None:
    """Check `backbone.KEY` or `dataset.KEY` where a default is known; the class itself knows what else there is.

    Args:
        section: `backbone` or `dataset`.
        name: of the backbone or data set.
        option: of the command line that gave them, or what else they are called.

    Raises:
        UserError: a value of another kind than the default.
    """
    defaults = catalog.defaults(f"{section}s", name)
    for key, value in given.items():
        if key in defaults:
            _check_kind(f"{option} {section}.{key}", value, [defaults[key]])


def _options_of(catalog: Catalog, section: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an optimizer or schedule with a value of the right kind: those before, or those of the type given."""
    kind = given.get(f"{section}.type", before.get("type"))
    if not isinstance(kind, str) or kind == before.get("type") or kind not in catalog.section(f"{section}s"):
        return dict(before)
    return {**catalog.defaults(f"{section}s", kind), "type": before.get("type")}


def _check_kind(where: str, value: Any, samples: Iterable[Any]) -> None:
    """Refuse a value whose kind none of the samples has; nothing is known where all of them are null."""
    kinds = {_kind(sample): sample for sample in reversed(list(samples))}  # the default is the example
    if _kind(value) not in kinds and set(kinds) != {"null"}:
        expected = " or ".join(f"{kind}, such as {_text(sample)}" for kind, sample in kinds.items() if kind != "null")
        raise UserError(f"{where}={_text(value)}: expected {expected}; this is {_kind(value)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a word" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"


def _text(value: Any) -> str:
    words = json.dumps(value) if isinstance(value, bool | list | dict) else "" if value is None else str(value)
    return cut(" ".join(words.split()), 60)
