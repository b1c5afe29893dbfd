"""Whether a `--set KEY=VALUE` fits what it sets: the name known, the value of the kind that the catalogue has there.

A wrong one is found here, before anything heavy is imported, and not somewhere inside a method's class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hashbench.catalog import BackboneEntry, DatasetEntry, MethodEntry
from hashbench.errors import UserError, did_you_mean

SECTIONS = ("optimizer", "schedule", "protocol", "backbone", "dataset")


def check_hyper_parameters(method: str, entry: MethodEntry, given: Mapping[str, Any], option: str = "--set") -> None:
    """Check hyper-parameters, and the options of optimizer and schedule, against a method's entry.

    Args:
        option: of the command line that gave them.

    Raises:
        UserError: a name that the entry does not list (a misspelt one would silently change nothing), an optimizer for
            a method that has none, or a value of another kind than the default, the presets and the search space have.
    """
    for key, value in given.items():
        section, dot, name = key.partition(".")
        if not dot or section not in ("optimizer", "schedule"):
            section, name = "hparams", key
        elif entry.kind == "shallow":
            raise UserError(f"{option} {key}: method {method} is fitted, without optimizer and schedule: leave it out")
        defaults = getattr(entry, section)
        if name in defaults:
            samples = [defaults[name], *(preset[key] for preset in entry.presets.values() if key in preset)]
            samples += [one for ends in entry.search.get(key, {}).values() for one in ends]
            _check_kind(f"{option} {key}", value, samples)
        elif section == "hparams":
            known = [*entry.hparams, *(f"{s}.KEY" for s in SECTIONS)]
            raise UserError(f"{option} {key}: method {method} has no such hyper-parameter. {did_you_mean(key, known)}")


def check_options(section: str, entry: BackboneEntry | DatasetEntry, given: Mapping[str, Any]) -> None:
    """Check `backbone.KEY` or `dataset.KEY` where the entry has a default; the class itself knows what else there is.

    Raises:
        UserError: a value of another kind than the default.
    """
    for name, value in given.items():
        if name in entry.hparams:
            _check_kind(f"--set {section}.{name}", value, [entry.hparams[name]])


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
    return json.dumps(value) if isinstance(value, bool | list | dict) else "" if value is None else str(value)
