"""How the protocol of a run differs from the full one. Both are resolved and compared field by field, so that a
reduction is named because it is there, not because somebody remembered to write it down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hashbench.catalog.request import RunSpec
from hashbench.reproduce.targets import Setup

_OF_NO_INTEREST = ("version", "title", "validate_every", "topk", "radii")
"""Fields of a protocol that change what is measured or when, not what is trained and searched."""


class Difference(NamedTuple):
    """One way in which two protocols differ: the field of the protocol's entry, and both values in words."""

    field: str
    words: str


def differences(setup: Setup, methods: Sequence[str], used: RunSpec, full: RunSpec | None) -> tuple[Difference, ...]:
    """All differences; none where the full protocol is in force.

    Args:
        setup: of the part.
        methods: of the part that are run.
        used: any run of the part.
        full: the same cell at the full budget; None where there is no such protocol here.
    """
    if full is None:
        return (Difference("protocol", f"{used.protocol}, whose data are {used.settings.dataset}"),)
    found = []
    if used.protocol != full.protocol:
        found.append(_difference("protocol", used.protocol, full.protocol))
    mine, wanted = used.settings.model_dump(), full.settings.model_dump()
    for name in mine:
        if name in _OF_NO_INTEREST or mine[name] == wanted[name]:
            continue
        if name == "split":
            found.append(Difference("split", _split(mine[name].get("counts") or {}, wanted[name].get("counts") or {})))
        else:
            found.append(_difference(name, mine[name], wanted[name]))
    presets = setup.full.presets if setup.full else {}
    authors = [f"{name}@{presets[name]}" for name in methods if name in presets]
    if used.protocol != full.protocol and authors:
        found.append(_difference("settings", "defaults of all methods", ", ".join(authors)))
    return tuple(found)


def _difference(name: str, mine: object, wanted: object) -> Difference:
    return Difference(name, f"{_text(mine)} instead of {_text(wanted)}")


def _split(mine: Mapping[str, int], wanted: Mapping[str, int]) -> str:
    roles = [role for role in ("train", "database", "test") if role in mine and role in wanted]
    if not roles:
        return "another one"
    here, there = (", ".join(f"{sizes[role]} {role}" for role in roles) for sizes in (mine, wanted))
    return f"{here} instead of {there}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
    return "none" if value is None or value == [] else str(value)
