"""The config of a run: what `hashbench run --config FILE` reads, and config.py in a run's folder, its complete form.

    run = dict(method="dsh", bits=32, hparams=dict(alpha=0.1), settings=dict(epochs=40))
    custom_hooks = [dict(type="EMAHook")]
    custom_imports = dict(imports=["my_hooks"])
    visualizer = dict(type="Visualizer", vis_backends=[dict(type="TensorboardVisBackend")])

Everything but the method may be left out; the catalogue has the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog, ProtocolEntry
from hashbench.catalog.request import RunSpec, resolve
from hashbench.engine.config_file import plain, read_config_file, runs_code
from hashbench.engine.crash import in_a_line
from hashbench.errors import UserError, cut, did_you_mean, shown
from hashbench.process import search_for_modules

TOP = ("run", "custom_hooks", "custom_imports", "visualizer")
_LOOPS = ("train_cfg", "val_cfg")
"""Written in earlier runs' config.py; they follow from the rest."""
RUN: dict[str, tuple[type | tuple[type, ...], str]] = {
    "method": (str, "a name"),
    "preset": (str, "a name"),
    "protocol": (str, "a name"),
    "dataset": (str, "a name"),
    "backbone": (str, "a name"),
    "bits": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "hparams": (dict, "a mapping"),
    "optimizer": (dict, "a mapping"),
    "schedule": (dict, "a mapping"),
    "settings": (dict, "a mapping of protocol fields"),
    "weights": (str, "a path"),
    "compile": (bool, "true or false"),
    "channels_last": (bool, "true or false"),
    "trials": (int, "a whole number"),
    "changed": (list, "a list of names"),
    "overridden": (bool, "true or false"),
}
"""Keys of `run` with the type of their values. The last two are written by a run and follow from the others."""
_LABEL = re.compile(r"(?P<preset>.+?)(\+tuned[0-9]+)?(\+[0-9a-f]{8})?")


def config_values(spec: RunSpec) -> dict[str, Any]:
    """What config.py of a run holds: plain values, from which `spec_of_config` makes the same run again."""
    run = spec.identity()
    hooks = run.pop("custom_hooks", None)
    if spec.channels_last is None:
        run.pop("channels_last")
    values: dict[str, Any] = {"run": run | ({"changed": list(spec.changed)} if spec.changed else {})}
    if hooks:
        values["custom_hooks"] = hooks
    if spec.custom_imports:
        values["custom_imports"] = {"imports": list(spec.custom_imports), "allow_failed_imports": False}
    if spec.visualizer:
        values["visualizer"] = spec.visualizer
    return values


def read_config(path: Path, catalog: Catalog, **run_options: Any) -> RunSpec:
    """The run that a file asks for.

    Args:
        run_options: where and on what it is done: `out`, `device`, `data_root` and `plugins` of the RunSpec.

    Raises:
        UserError: see `hashbench.engine.config_file.read_config_file` and `spec_of_config`.
    """
    where = f"--config {path}"
    values = read_config_file(path)
    if not runs_code(path):
        _refuse_code(values, where)
    return spec_of_config(values, catalog, where=where, folder=path.parent, **run_options)


def spec_of_config(
    values: Mapping[str, Any],
    catalog: Catalog,
    *,
    where: str = "config",
    folder: Path | None = None,
    **run_options: Any,
) -> RunSpec:
    """The run that a config asks for.

    What differs from the preset makes the label, as `--set` does: a changed value never comes into the folder of the
    default, and config.py of a run, as it is, gives the identity that the run had.

    Args:
        values: plain ones, see the module.
        where: what errors begin with.
        folder: also searched for the modules of `custom_imports`.

    Raises:
        UserError: a key that does not exist, a value of another type, what `resolve` refuses, a hook or a visualizer
            that is not registered.
    """
    values = plain(values, where)
    _check_names(where, "", values, (*TOP, *_LOOPS))
    run = values.get("run")
    if not isinstance(run, dict) or run.get("method") is None:
        raise UserError(f"{where}: say what is trained: run = dict(method=NAME, ...)")
    _check_names(where, "run.", run, RUN)
    for key, value in run.items():
        kind, words = RUN[key]
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise UserError(f"{where}: run.{key} is {words}, not {shown(value)}")
    if not 0 <= (run.get("trials") or 0) < 2**31:
        raise UserError(f"{where}: run.trials is a whole number from 0 to 2147483647, not {shown(run['trials'])}")
    if not _are_words(run.get("changed") or []):
        raise UserError(f"{where}: run.changed is a list of names, not {shown(run['changed'])}")
    given = {key: value for key, value in run.items() if value is not None}
    imports = _import(where, values.get("custom_imports"), folder)
    hooks, visualizer = _checked(where, values)
    try:
        spec = _resolved(
            catalog, given, custom_hooks=hooks, custom_imports=imports, visualizer=visualizer, **run_options
        )
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    _check_loops(where, values, spec)
    return spec


def spec_of(identity: Mapping[str, Any], **run_options: Any) -> RunSpec:
    """The RunSpec whose `identity()` was kept in spec.json, as it was."""
    values = dict(identity)
    weights = values.pop("weights")
    settings = ProtocolEntry.from_dump(values.pop("settings"))
    hooks = tuple(values.pop("custom_hooks", ()))
    return RunSpec(
        **values, settings=settings, weights=Path(weights) if weights else None, custom_hooks=hooks, **run_options
    )


def _resolved(catalog: Catalog, run: dict[str, Any], **options: Any) -> RunSpec:
    method, label = run["method"], run.get("preset", "default")
    match = _LABEL.fullmatch(label)
    preset = label if match is None or label in catalog.method(method).presets else match["preset"]
    settings = run.get("settings", {})
    _check_names("", "settings.", settings, ProtocolEntry.model_fields)
    if "version" in settings and "optimizer" not in settings:  # all of a protocol, from before it had an optimizer
        settings = {**settings, "optimizer": None, "schedule": None}
    if catalog.method(method).kind == "shallow" and run.get("schedule") == {"type": "constant"}:  # of the same time
        run = {**run, "schedule": {}}
    for name in ("dataset", "backbone"):
        if name in run and settings.get(name, run[name]) != run[name]:
            one, other = shown(run[name]), shown(settings[name])
            raise UserError(f"run.{name} is {one} and run.settings.{name} is {other}: give one of them")
    named = ("protocol", "dataset", "backbone", "bits", "seed", "compile", "channels_last")
    request: dict[str, Any] = {key: run[key] for key in named if key in run}
    if "weights" in run:
        options["weights"] = Path(run["weights"])
    of_protocol = {f"protocol.{key}": value for key, value in settings.items()}
    values = _changes(catalog, run, preset, of_protocol, options["out"]) | of_protocol

    def made(trials: int) -> RunSpec:
        return resolve(
            catalog, method=method, preset=preset, values=values, option="key", trials=trials, **request, **options
        )

    spec = made(run.get("trials", 0))
    return spec if not spec.trials or spec.preset == label else made(0)  # changed by hand: no search found these values


def _changes(
    catalog: Catalog, run: dict[str, Any], preset: str, of_protocol: dict[str, Any], out: Path
) -> dict[str, Any]:
    """What a config sets beyond protocol and preset, as flat, dotted keys: what `--set` would be given."""
    request = {"method": run["method"], "protocol": run.get("protocol", "digits"), "preset": preset, "out": out}

    def of(values: dict[str, Any]) -> RunSpec:
        return resolve(catalog, values=of_protocol | values, option="key", **request)

    flat = dict(run.get("hparams", {}))
    for section in ("optimizer", "schedule"):
        flat |= {f"{section}.{key}": value for key, value in run.get(section, {}).items()}
    base = of({})
    types = {key: flat[key] for key in ("optimizer.type", "schedule.type") if key in flat}
    types = {key: value for key, value in types.items() if value != getattr(base, key.partition(".")[0]).get("type")}
    if types:
        base = of(types)
    known = {**base.hparams}
    for section in ("optimizer", "schedule"):
        known |= {f"{section}.{key}": value for key, value in getattr(base, section).items()}
    kept = {*run.get("changed", ()), *types}
    return {key: value for key, value in flat.items() if key in kept or not _equal(known.get(key), value)}


def _equal(known: Any, value: Any) -> bool:
    """Whether a value is that of the preset; true is not 1."""
    return known == value and isinstance(known, bool) == isinstance(value, bool)


def _checked(where: str, values: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any] | None]:
    """`custom_hooks` and `visualizer`, whose names exist."""
    hooks, visualizer = values.get("custom_hooks") or [], values.get("visualizer")
    if not isinstance(hooks, list):
        raise UserError(f"{where}: custom_hooks is a list: [dict(type=NAME, ...)]")
    for number, hook in enumerate(hooks):
        from hashbench.registry import HOOKS

        check_registered(f"{where}: custom_hooks[{number}]", hook, HOOKS)
    if visualizer is not None:
        from hashbench.engine.visualizer import check_visualizer

        check_visualizer(visualizer, where)
    return tuple(hooks), visualizer


def check_registered(where: str, value: Any, registry: Any) -> None:
    """Refuse what is no `dict(type=NAME, ...)` of a registry, with the nearest name."""
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise UserError(f"{where}: expected dict(type=NAME, ...), got {shown(value)}")
    registry.import_from_location()
    names = [*registry.module_dict, *registry.parent.module_dict]
    if name in names:
        return
    if "." not in name:
        raise UserError(f"{where}: no {registry.name} {shown(name)}. {did_you_mean(name, names)}")
    try:
        found = registry.get(name)
    except (Exception, SystemExit) as error:  # a path, whose import may fail in any way, or leave
        raise UserError(f"{where}: {name}: {in_a_line(error)}") from error
    if found is None:
        raise UserError(f"{where}: no {registry.name} {shown(name)}: it cannot be imported")


def _refuse_code(values: Mapping[str, Any], where: str) -> None:
    """What would import or call something else than what is registered."""
    if "custom_imports" in values:
        raise UserError(f"{where}: custom_imports runs code, which YAML and JSON do not; use a .py config, or --import")
    for name in _types({key: values.get(key) for key in ("custom_hooks", "visualizer")}):
        if "." in name:
            raise UserError(f"{where}: type {name}: YAML and JSON name what is registered, without a dot")


def _types(value: Any) -> Iterable[str]:
    """Every `type` inside a value."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _types(one)


def _import(where: str, asked: Any, folder: Path | None) -> tuple[str, ...]:
    """Import the modules of `custom_imports`; their names."""
    if asked is None:
        return ()
    if not isinstance(asked, dict) or not {"imports"} <= set(asked) <= {"imports", "allow_failed_imports"}:
        raise UserError(f"{where}: custom_imports is dict(imports=[MODULE, ...])")
    modules = [asked["imports"]] if isinstance(asked["imports"], str) else asked["imports"]
    if not _are_words(modules):
        raise UserError(f"{where}: custom_imports.imports is a list of names of modules, not {shown(modules)}")
    if folder is not None:
        search_for_modules(folder.resolve())
    for module in modules:
        try:
            import_module(module)
        except (Exception, SystemExit) as error:  # a module may fail in any way when it is imported, or leave
            if not asked.get("allow_failed_imports"):
                raise UserError(f"{where}: custom_imports: {module}: {in_a_line(error)}") from error
    return tuple(modules)


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _check_names(where: str, prefix: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    names = list(known)
    for key in values:
        if key not in names:
            start = f"{where}: " if where else ""
            raise UserError(f"{start}no key {cut(f'{prefix}{key}', 60)}. {did_you_mean(key, names)}")


def _check_loops(where: str, values: Mapping[str, Any], spec: RunSpec) -> None:
    """Earlier runs wrote their loops down; a change there would change nothing."""
    follows = {"max_epochs": "epochs", "val_interval": "validate_every"}
    for name in _LOOPS:
        if not isinstance(values.get(name) or {}, dict):
            raise UserError(f"{where}: {name} is a mapping, not {shown(values[name])}")
    for key, value in (values.get("train_cfg") or {}).items():
        if key in follows and value != getattr(spec.settings, follows[key]):
            raise UserError(f"{where}: train_cfg.{key} follows from the protocol: set run.settings.{follows[key]}")
