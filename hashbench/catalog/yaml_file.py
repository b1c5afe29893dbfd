"""Reading one registry.yaml: parse, validate, and say where it is wrong (file, line, what, nearest right name)."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hashbench.catalog.schema import ENTRIES, CatalogFile, SplitEntry
from hashbench.errors import UserError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeyLoader(_Loader):
    """SafeLoader that refuses a key written twice; plain YAML would keep the last and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the name {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_catalog_file(path: Path) -> CatalogFile:
    """Read and validate a registry.yaml.

    Raises:
        UserError: one line `FILE:LINE: what is wrong`, with the nearest right name for an unknown key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise UserError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    if content is None:
        return CatalogFile()
    if not isinstance(content, dict):
        raise UserError(
            f"{path}:1: expected sections {', '.join(CatalogFile.model_fields)}, found a {type(content).__name__}"
        )
    try:
        return CatalogFile.model_validate(content)
    except ValidationError as error:
        raise UserError(_explain(path, text, error)) from error


def _explain(path: Path, text: str, error: ValidationError) -> str:
    """The first validation error as one line with the line number of the key or value it is about."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    line = _line_of(yaml.compose(text, Loader=_Loader), location)
    where = f"{path}:{line}: {'.'.join(location)}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _known_keys(location), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(_known_keys(location))}"
        return f"{where}: unknown key{hint}{more}"
    if first["type"] == "missing":
        return f"{where}: missing{more}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}, got {_short(first['input'])}{more}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _known_keys(location: list[str]) -> list[str]:
    """The keys that the schema knows beside the last key of `location`."""
    if len(location) == 1:
        return list(ENTRIES)
    model: type[BaseModel] | None = SplitEntry if "split" in location[:-1] else ENTRIES.get(location[0])
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _line_of(node: yaml.Node | None, location: list[str]) -> int:
    """1-based line of the deepest key of `location` that exists in the document."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line
