"""Checks of a registry entry and of the constructor that it describes; for both kinds of methods."""

from __future__ import annotations

import json
from numbers import Real
from typing import Any

from hashbench.catalog.request import RunSpec
from hashbench.engine.optim import build_optimizer, build_schedule
from hashbench.errors import UserError
from hashbench.models import DeepMethod, ShallowMethod
from hashbench.testing.check import NotApplicable, expect
from hashbench.testing.shallow_checks import BITS, blobs
from hashbench.testing.subject import GIVEN, Subject
from hashbench.testing.training import build_method, build_network

BASES = {"deep": DeepMethod, "shallow": ShallowMethod}


def check_class(subject: Subject) -> None:
    """The class is of the kind that the entry says."""
    base = BASES[subject.entry.kind]
    expect(
        isinstance(subject.method_class, type) and issubclass(subject.method_class, base),
        f"kind is {subject.entry.kind}, but {subject.entry.class_path} is no subclass of {base.__name__}",
    )


def check_constructor(subject: Subject) -> None:
    """Deep: keyword-only arguments. Shallow: `bits` and `random_state` first. Both: typed, with defaults, no *args."""
    arguments, given = subject.arguments, GIVEN[subject.entry.kind]
    for parameter in arguments.values():
        expect(
            parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD),
            f"the constructor takes {parameter}: name every argument, or complete the signature with passes_on_to",
        )
    for name in given:
        expect(name in arguments, f"the constructor takes no {name}, which the harness hands in")
    {"deep": _expect_keywords, "shallow": _expect_given_first}[subject.entry.kind](subject)
    for name, parameter in subject.hparams.items():
        expect(parameter.default is not parameter.empty, f"hyper-parameter {name} has no default")
        expect(parameter.annotation is not parameter.empty, f"hyper-parameter {name} has no type")


def _expect_keywords(subject: Subject) -> None:
    for name, parameter in subject.arguments.items():
        expect(parameter.kind is parameter.KEYWORD_ONLY, f"argument {name} must be keyword-only (after a *)")


def _expect_given_first(subject: Subject) -> None:
    given = GIVEN[subject.entry.kind]
    expect(tuple(subject.arguments)[: len(given)] == given, f"the first arguments must be {', '.join(given)}")


def check_entry_hparams(subject: Subject) -> None:
    """`hparams` of the entry, which replace defaults of the constructor, name arguments that it has."""
    for name in subject.entry.hparams:
        expect(name in subject.hparams, f"hparams: the constructor takes no {name}; it takes {_names(subject.hparams)}")


def check_unknown_hparam(subject: Subject) -> None:
    """A hyper-parameter that does not exist is refused."""
    try:
        build_method(subject, subject.defaults | {"no_such_hyper_parameter": 1})
    except (TypeError, UserError):
        return
    expect(False, "the constructor accepts a hyper-parameter no_such_hyper_parameter")


def check_registry_entry(subject: Subject) -> None:
    """A title; a paper, or a deviation that says why there is none; one note a preset; keys of presets that exist."""
    entry = subject.entry
    expect(entry.title.strip(), "the entry has no title")
    explained = any(line.lower().startswith("no paper") for line in entry.deviations)
    expect(
        entry.paper is not None or explained,
        "the entry has no paper: give {key, title, venue, url}, or a deviation that starts with 'No paper'",
    )
    expect(
        set(entry.presets) == set(entry.preset_notes),
        f"presets are {_names(entry.presets)}, and preset_notes are for {_names(entry.preset_notes)}",
    )
    expect("default" not in entry.presets, "'default' is what a method has without a preset: name the preset otherwise")
    for preset, changes in entry.presets.items():
        for key in changes:
            section, dot, _ = key.partition(".")
            expect(
                section in ("optimizer", "schedule") if dot else key in subject.hparams,
                f"preset {preset}: {key} is neither a hyper-parameter nor of the form optimizer.KEY or schedule.KEY",
            )


def check_presets(subject: Subject) -> None:
    """The defaults and every preset build: method, optimizer and schedule."""
    for preset in ("default", *subject.entry.presets):
        reason = _refusal(subject, preset=preset)
        expect(reason is None, f"preset {preset} does not build: {reason}")


def check_search_space(subject: Subject) -> None:
    """Names of the search space exist, ranges are ranges, and their ends are accepted, one by one and together."""
    entry = subject.entry
    if not entry.search:
        raise NotApplicable("no search space: the method is run with its defaults")
    defaults = subject.configuration()
    for name, space in entry.search.items():
        section, dot, key = name.partition(".")
        known: Any = getattr(defaults, section, {}) if dot else subject.hparams
        expect(
            (key if dot else name) in known,
            f"search: {name} is not among the hyper-parameters or the optimizer's options",
        )
        expect(
            len(space) == 1 and next(iter(space)) in ("log", "uniform", "choice"),
            f"search: {name} must be one of log: [low, high], uniform: [low, high], choice: [...]",
        )
        ((form, values),) = space.items()
        if form == "choice":
            expect(len(values) > 1, f"search: {name} has nothing to choose from")
        else:
            ordered = len(values) == 2 and all(isinstance(v, Real) for v in values) and values[0] < values[1]
            expect(ordered and (form == "uniform" or values[0] > 0), f"search: {name}: {form} {values} is not a range")
        for value in values:
            reason = _refusal(subject, sets=[f"{name}={json.dumps(value)}"])
            expect(reason is None, f"search: {name} = {value} is refused: {reason}")
    ranges = {name: next(iter(space.values())) for name, space in entry.search.items() if "choice" not in space}
    for place, word in ((0, "lowest"), (1, "highest")):
        reason = _refusal(subject, sets=[f"{name}={json.dumps(values[place])}" for name, values in ranges.items()])
        expect(reason is None, f"search: the {word} values together are refused: {reason}")


def _refusal(subject: Subject, **options: Any) -> str | None:
    """Why these options of `Subject.configuration` are refused, by method, optimizer or schedule; None if accepted."""
    try:
        spec = subject.configuration(**options)
        {"deep": _build_all, "shallow": _fit}[subject.entry.kind](subject, spec)
    except (UserError, TypeError, ValueError) as error:
        return str(error)
    return None


def _build_all(subject: Subject, spec: RunSpec) -> None:
    optimizer = build_optimizer(spec.optimizer, build_network(subject, spec.hparams), subject.catalog)
    build_schedule(spec.schedule, optimizer, epochs=10, steps_per_epoch=3, catalog=subject.catalog)


def _fit(subject: Subject, spec: RunSpec) -> None:
    """Its constructor only stores: what is refused is refused by fit."""
    build_method(subject, spec.hparams, BITS).fit(*blobs())  # type: ignore[operator, union-attr]


def _names(values: dict[str, Any]) -> str:
    return ", ".join(sorted(values)) or "none"


COMMON = (
    check_class,
    check_constructor,
    check_entry_hparams,
    check_unknown_hparam,
    check_registry_entry,
    check_presets,
    check_search_space,
)
