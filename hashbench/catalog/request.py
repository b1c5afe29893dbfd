"""What is to be run, resolved from the catalogue and the command line before anything heavy is imported.

`resolve` applies, in this order: the method's defaults, its preset, `--set`, and for the protocol its entry, the
options (`--backbone`, `--epochs`, ...) and `--set protocol.KEY=VALUE`. What comes out says all that a run needs.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hashbench.catalog.catalog import Catalog
from hashbench.catalog.schema import OWN_OPTIMIZER, SCHEDULE, MethodEntry, ProtocolEntry, SplitEntry
from hashbench.catalog.set_values import check_hyper_parameters, check_options
from hashbench.catalog.shipped import TUNED, is_shipped_name, shipped_studies, shipped_study
from hashbench.errors import UserError, cut, did_you_mean, shown
from hashbench.plain import PlainError, yaml_values

_DEVICE = re.compile(r"auto|cpu|(cuda|xpu|mps)(:[0-9]+)?")

_NOT_IDENTITY = (
    *("out", "device", "data_root", "plugins", "imports", "custom_imports"),
    *("visualizer", "changed", "notes", "tuned_on", "recipe"),
)
"""Fields of a RunSpec that say where and how a run is done, not which one it is."""


@dataclass(frozen=True)
class RunSpec:
    """One run. Everything that decides its codes is here, but for the contents of data and weights files.

    Attributes:
        preset: label of the hyper-parameters: `default` or a preset's name, `+tunedN` after a search of N trials, and
            `+digest` where --set (or the search) changed something.
        hparams, optimizer, schedule: what the method's class, the optimizer and the schedule are built with.
        recipe: whose optimizer and schedule these are: of the `protocol`, the `method`, its `preset`, a
            `search`, or `set` by hand;
            empty for a shallow method.
        protocol: name in the catalogue; `settings` are its resolved fields.
        overridden: whether any of them differs from the entry.
        weights: file of backbone weights, or None.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        plugins, imports: files that another process must read to know all names of this run.
        custom_hooks: hooks of mmengine's kind, as a config writes them; they can change training.
        custom_imports: modules that register what the request names.
        visualizer: where the run's curves are drawn, as mmengine writes it, or None; no part of the run.
        changed: names of the hyper-parameters and options that were set beyond the preset.
        trials: settings that a search tried to find these hyper-parameters; 0 where there was none.
        tuned_on: checksums of the data and of the split on which a search found these hyper-parameters; no part of the
            run, which is refused on others.
        notes: what the user should know of how the request was understood, one line each; no part of the run.
    """

    method: str
    preset: str
    hparams: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    protocol: str
    settings: ProtocolEntry
    overridden: bool
    bits: int
    seed: int
    out: Path
    weights: Path | None = None
    data_root: Path | None = None
    device: str = "auto"
    compile: bool = False
    channels_last: bool | None = None
    plugins: tuple[Path, ...] = ()
    imports: tuple[Path, ...] = ()
    recipe: str = field(default="", compare=False)
    trials: int = 0
    custom_hooks: tuple[dict[str, Any], ...] = ()
    custom_imports: tuple[str, ...] = ()
    visualizer: dict[str, Any] | None = field(default=None, compare=False)
    changed: tuple[str, ...] = field(default=(), compare=False)
    tuned_on: dict[str, str] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def identity(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed, as plain JSON values; also what config.py keeps."""
        values = asdict(self)
        values["settings"] = self.settings.model_dump()
        for name in _NOT_IDENTITY:
            values.pop(name)
        values["weights"] = str(self.weights) if self.weights else None
        values["channels_last"] = bool(self.channels_last)  # None, the backbone's own choice, was once not there
        for name in ("trials", "custom_hooks"):  # runs without them keep the identity of the time before there were any
            if not values[name]:
                values.pop(name)
        return json.loads(json.dumps(values))


def resolve(
    catalog: Catalog,
    *,
    method: str,
    protocol: str = "digits",
    dataset: str | None = None,
    backbone: str | None = None,
    preset: str | None = None,
    sets: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    bits: int = 32,
    seed: int = 0,
    option: str = "--set",
    **run_options: Any,
) -> RunSpec:
    """Resolve a request against the catalogue.

    Args:
        dataset: replaces the protocol's data set; its rows are then split by fractions unless the protocol is its own.
            A data set that says it holds features (`inputs: feature`) brings the identity in place of a backbone for
            images.
        backbone: replaces the protocol's backbone.
        preset: of the method's entry; or `tuned`, or the full name of a study that is shipped with it.
        sets: `key=value` strings: hyper-parameters, or with one of the prefixes optimizer, schedule, protocol, backbone
            and dataset and a dot.
        values: the same as a mapping.
        changes: protocol fields given by options of their own (epochs, batch_size, ...); None values are left out.
        option: what errors call a key of `sets` and `values`.
        run_options: the remaining fields of RunSpec.

    Raises:
        UserError: an unknown name, a value that the schema refuses, bits below 1.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 4096:
        raise UserError(f"--bits {bits}: the code length is a whole number from 1 to 4096")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed {seed}: a whole number from 0 to 2147483647")
    check_device_name(run_options.get("device", "auto"))
    entry = catalog.method(method)
    given = parse_sets(sets, option) | dict(values or {})
    base = catalog.protocol(protocol)
    settings = _settings(catalog, base, dataset, backbone, given, dict(changes or {}), option)
    if preset and is_shipped_name(preset) and preset not in entry.presets:
        found = shipped_study(catalog, method, preset, protocol, settings, bits)
        if own := [key for key in given if key.partition(".")[0] not in ("protocol", "backbone", "dataset")]:
            raise UserError(
                f"{option} {cut(own[0], 60)}: the hyper-parameters come from preset {preset}; give one of the two"
            )
        preset, given = None, {**given, **found.values}
        run_options |= {"trials": found.trials, "tuned_on": found.content}
    recipe, sections = _recipe(entry, settings)
    sections["hparams"] = catalog.defaults("methods", method)
    notes: list[str] = []
    if preset and preset != "default":
        if preset not in entry.presets:
            known = ["default", *entry.presets, *([TUNED] if shipped_studies(catalog, method) else [])]
            raise UserError(f"method {method} has no preset {shown(preset)}. {did_you_mean(preset, known)}")
        chosen = entry.presets[preset]
        for section in ("optimizer", "schedule"):
            if f"{section}.type" in chosen:  # it says all of it; only the rate is kept where it gives none
                sections[section] = {key: value for key, value in sections[section].items() if key == "lr"}
        _apply(sections, chosen)
        recipe = "preset" if _is_of_recipe(chosen) else recipe
    label = preset or "default"
    if run_options.get("trials"):
        label += f"+tuned{run_options['trials']}"
    custom = {
        key: value for key, value in given.items() if key.partition(".")[0] not in ("protocol", "backbone", "dataset")
    }
    if custom:
        check_hyper_parameters(catalog, method, custom, sections, option)
        for section in ("optimizer", "schedule"):
            notes += _swap_type(catalog, section, sections[section], custom)
        _apply(sections, custom)
        if _is_of_recipe(custom):
            recipe = "search" if run_options.get("trials") else "set"
    hooks = run_options.get("custom_hooks")
    if labelled := custom | ({"custom_hooks": hooks} if hooks else {}):
        label += "+" + hashlib.sha256(json.dumps(labelled, sort_keys=True).encode()).hexdigest()[:8]
    _check_allowed(method, entry, sections["optimizer"], f"protocol {protocol}" if recipe == "protocol" else "this run")
    return RunSpec(
        method=method,
        preset=label,
        hparams=sections["hparams"],
        optimizer=sections["optimizer"],
        schedule=sections["schedule"],
        recipe=recipe,
        protocol=protocol,
        settings=settings,
        overridden=settings.model_dump() != base.model_dump() or run_options.get("weights") is not None,
        bits=bits,
        seed=seed,
        imports=catalog.imports,
        notes=tuple(notes),
        changed=tuple(custom),
        **run_options,
    )


def _recipe(entry: MethodEntry, settings: ProtocolEntry) -> tuple[str, dict[str, dict[str, Any]]]:
    """Whose optimizer and schedule a method starts from, and what they are."""
    if entry.kind == "shallow":
        return "", {"optimizer": {}, "schedule": {}}
    if entry.optimizer:
        return "method", {"optimizer": dict(entry.optimizer), "schedule": dict(entry.schedule or {"type": "constant"})}
    if settings.optimizer is None or settings.schedule is None:
        return "method", {"optimizer": dict(OWN_OPTIMIZER), "schedule": dict(SCHEDULE)}
    return "protocol", {"optimizer": dict(settings.optimizer), "schedule": dict(settings.schedule)}


def _is_of_recipe(changes: Mapping[str, Any]) -> bool:
    return any(key.startswith(("optimizer.", "schedule.")) for key in changes)


def _check_allowed(method: str, entry: MethodEntry, optimizer: Mapping[str, Any], whose: str) -> None:
    """Refuse an optimizer that is not the method any more."""
    kind = optimizer.get("type")
    if entry.optimizers and kind not in entry.optimizers:
        allowed = " or ".join(entry.optimizers)
        raise UserError(
            f"optimizer.type: method {method} is trained by {allowed} only, and {whose} names {shown(kind, 40)}: "
            f"--set optimizer.type={entry.optimizers[0]}, or another method"
        )


def _settings(
    catalog: Catalog,
    base: ProtocolEntry,
    dataset: str | None,
    backbone: str | None,
    given: Mapping[str, Any],
    changes: dict[str, Any],
    option: str,
) -> ProtocolEntry:
    """The protocol's entry with what the command line changes in it, validated again."""
    fields = base.fields()
    if dataset and dataset != base.dataset:
        entry = catalog.dataset(dataset)
        fields.update(
            dataset=dataset,
            dataset_hparams={},
            split=SplitEntry(fractions={"test": 0.2, "validation": 0.1}).model_dump(),
        )
        if entry.inputs == "feature" and not backbone and catalog.backbone(base.backbone).inputs == "image":
            backbone = "identity"
            fields.update(pretrained=False, frozen=False, augment="none")
    if backbone and backbone != base.backbone:
        catalog.backbone(backbone)
        fields.update(backbone=backbone, backbone_hparams={}, image_size=None)
    fields.update({key: value for key, value in changes.items() if value is not None})
    for key, value in given.items():
        section, _, rest = key.partition(".")
        if section == "protocol":
            if rest not in ProtocolEntry.model_fields:
                raise UserError(
                    f"{option} {cut(key, 60)}: no such protocol field. {did_you_mean(rest, ProtocolEntry.model_fields)}"
                )
            fields[rest] = value
        elif section in ("backbone", "dataset"):
            check_options(catalog, section, fields[section], {rest: value}, option)
            fields[f"{section}_hparams"] = {**fields[f"{section}_hparams"], rest: value}
    if fields["frozen"]:
        fields["augment"] = "none"
    try:
        return ProtocolEntry.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ")
        raise UserError(f"protocol field {where}: {words}, got {shown(first['input'])}") from error


def check_device_name(name: str) -> None:
    """Refuse a word that names no device at all, before torch is there to say whether this machine has it.

    Raises:
        UserError: such a word.
    """
    if not _DEVICE.fullmatch(name):
        raise UserError(f"--device {cut(name, 60)}: no such device; use auto, cpu, cuda or cuda:NUMBER")


def parse_sets(sets: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """`key=value` strings to values, read as YAML scalars or lists.

    Args:
        option: of the command line that gave them.

    Raises:
        UserError: another form, or a value that a result could not keep: not finite, a date, nested too deep, ...
    """
    parsed: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UserError(f"{option} {shown(text)}: expected key=value, such as alpha=0.5 or optimizer.lr=0.01")
        try:
            parsed[key] = _number(yaml_values(value))
        except PlainError as error:
            raise UserError(
                f"{option} {shown(text)}: expected a finite number, a word, true, false or a list of them, with every "
                f"bracket and quote closed ({error})"
            ) from error
    return parsed


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people mean the number."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        raise PlainError(f"{value} is not a finite number")
    return number


_CARRIED = ("lr", "head_lr_mult")
"""Options that mean the same to every optimizer, and are kept where another one takes over."""


def _swap_type(catalog: Catalog, section: str, options: dict[str, Any], changes: Mapping[str, Any]) -> list[str]:
    """Where `optimizer.type` or `schedule.type` changes, drop the options of the old one; says which.

    Args:
        section: `optimizer` or `schedule`.
        options: of this section; changed in place.
        changes: flat, dotted, of the command line.
    """
    old, new = options.get("type"), changes.get(f"{section}.type", options.get("type"))
    if new == old:
        return []
    entries = catalog.section(f"{section}s")
    takes = {*catalog.defaults(f"{section}s", new), "lr", "head_lr_mult"} if new in entries else set(_CARRIED)
    kept = {name: options[name] for name in _CARRIED if name in options and name in takes}
    dropped = {key: value for key, value in options.items() if key not in kept and key != "type"}
    unsaid = [f"{key}={value}" for key, value in dropped.items() if f"{section}.{key}" not in changes]
    options.clear()
    options.update(type=new, **kept)
    return [f"{section}.type={new}: {', '.join(unsaid)} of {old} dropped"] if unsaid else []


def _apply(values: dict[str, dict[str, Any]], changes: Mapping[str, Any]) -> None:
    """Merge flat, dotted keys into hparams, optimizer and schedule."""
    for key, value in changes.items():
        section, dot, rest = key.partition(".")
        if dot and section in ("optimizer", "schedule"):
            values[section][rest] = value
        else:
            values["hparams"][key] = value
