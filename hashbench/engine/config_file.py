"""Reading a config: Python as mmengine reads it, which runs the file, or YAML and JSON, which run nothing.

All three may have `_base_`, a path or a list of paths relative to the file, whose values they change.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashbench.engine.crash import in_a_line
from hashbench.errors import UserError
from hashbench.paths import is_file
from hashbench.plain import PlainError, json_values, plain_values, read_text, yaml_values

BASE, DELETE = "_base_", "_delete_"
"""mmengine's words: what a config starts from; and `_delete_: true`, a mapping that replaces that of the base."""
_DATA = (".yaml", ".yml", ".json")
_MOST_BASES = 8
"""Files of which each is a base of the one before."""


def runs_code(path: Path) -> bool:
    """Whether reading this file executes it."""
    return path.suffix == ".py"


def read_config_file(path: Path) -> dict[str, Any]:
    """The values of a config, plain ones: what JSON has. Modules that it names in `custom_imports` are not imported.

    Raises:
        UserError: no such file, another form, a file that does not run or parse, a value that is not plain.
    """
    where = f"--config {path}"
    if not is_file(path):
        raise UserError(f"{where}: no such file")
    if runs_code(path):
        return plain(_read_python(path), where)
    if path.suffix not in _DATA:
        raise UserError(f"{where}: a config is a file .py, .yaml or .json, not {path.suffix or 'one without ending'}")
    return _read_data(path, ())


def plain(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a config, held to what JSON has.

    Raises:
        UserError: a value that JSON does not have.
    """
    try:
        found: dict[str, Any] = plain_values(values)
    except PlainError as error:
        raise UserError(f"{where}: only words, finite numbers, lists and mappings: {error}") from error
    return found


def _read_python(path: Path) -> dict[str, Any]:
    from mmengine.config import Config

    try:
        _refuse_data_bases(path, path, set())
        config = Config.fromfile(str(path), import_custom_modules=False).to_dict()
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # the file is run as Python, and may fail in any way, or leave
        raise UserError(f"--config {path}: it cannot be read ({in_a_line(error)})") from error
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _refuse_data_bases(path: Path, first: Path, seen: set[Path]) -> None:
    """mmengine would read a YAML base with a loader that runs code where one expects none."""
    if not is_file(path) or path.resolve() in seen:
        return
    seen.add(path.resolve())
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if not (isinstance(statement, ast.Assign) and any(_is_base(target) for target in statement.targets)):
            continue
        try:
            named = ast.literal_eval(statement.value)
        except ValueError:  # not written out: mmengine refuses that itself
            continue
        for base in [named] if isinstance(named, str) else named:
            if Path(base).suffix in _DATA:
                raise UserError(f"--config {first}: _base_ {base}: the base of a .py config is a .py config")
            _refuse_data_bases(path.parent / base, first, seen)


def _is_base(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == BASE


def _read_data(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """A YAML or JSON file over its bases.

    Args:
        above: the files that it is a base of, the first one the user's.
    """
    where = f"--config {(*above, path)[0]}" + (f": _base_ {path}" if above else "")
    if path.suffix not in _DATA:
        raise UserError(f"{where}: the base of a YAML or JSON config is one of these, since they run no code")
    if path in above:
        raise UserError(f"{where}: it is its own base")
    if len(above) > _MOST_BASES:
        raise UserError(f"{where}: bases of bases, more than {_MOST_BASES} deep: write fewer files")
    try:
        text = read_text(path)
        values = json_values(text) if path.suffix == ".json" else yaml_values(text)
    except PlainError as error:
        line = f"line {error.line}: " if error.line else ""
        raise UserError(f"{where}: {line}{error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{where}: a config is a mapping of names to values, with `run: {{method: ...}}` in it")
    bases = values.pop(BASE, [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise UserError(f"{where}: _base_ is a path or a list of paths")
    merged: dict[str, Any] = {}
    for base in bases:
        merged = _over(merged, _read_data(path.parent / base, (*above, path)))
    return _over(merged, values)


def _over(base: Any, value: Any) -> Any:
    """`value` over `base`: mappings are merged, key by key, as mmengine merges them; all else replaces."""
    if not isinstance(value, Mapping):
        return value
    rest = {key: entry for key, entry in value.items() if key != DELETE}
    if not isinstance(base, Mapping) or value.get(DELETE):
        base = {}
    return {**base, **{key: _over(base.get(key), entry) for key, entry in rest.items()}}
