"""Reading one registry.yaml: parse, validate, and say where it is wrong (file, line, what, nearest right name)."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from hashbench.catalog.schema import ENTRIES, CatalogFile, SplitEntry
from hashbench.errors import UserError, cut, listed, shown
from hashbench.plain import PlainError, read_text, yaml_values

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_catalog_file(path: Path) -> CatalogFile:
    """Read and validate a registry.yaml.

    Raises:
        UserError: one line `FILE:LINE: what is wrong`, with the nearest right name for an unknown key.
    """
    try:
        text = read_text(path)
    except PlainError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return _parsed(path, text)


@lru_cache(maxsize=16)
def _parsed(path: Path, text: str) -> CatalogFile:
    """The entries of a text: a process that does many runs reads the same files before each."""
    try:
        content = yaml_values(text)
    except PlainError as error:
        line = f":{error.line}" if error.line else ""
        raise UserError(f"{path}{line}: {error}") from error
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
    where = f"{path}:{line}: {cut('.'.join(location), 80)}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1][:100], _known_keys(location), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else f"; known here: {listed(_known_keys(location))}"
        return f"{where}: unknown key{hint}{more}"
    if first["type"] == "missing":
        return f"{where}: missing{more}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}, got {shown(first['input'], 60)}{more}"


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
