"""Reading YAML and JSON that anyone may have written: plain values, or a few words that say what is wrong.

Plain values are words, finite numbers, true, false, null, lists, and mappings whose names are words. Nothing in such a
text is trusted: it makes no other objects, and size, depth and what its aliases stand for have limits, so that no text
takes more than a moment or more memory than its own.
"""

from __future__ import annotations

import json
import math
import re
import stat
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from hashbench.errors import cut, shown

_MOST_CHARACTERS = 2**20
"""Of a YAML text: that is a thousand pages."""
_MOST_BYTES = 2**26
"""Of a file."""
_MOST_VALUES = 100_000
"""Of a YAML text, those that aliases repeat counted each time."""
_DEEPEST = 60
_LARGEST = 2**63
"""Whole numbers are of 64 bits, as every library behind them takes them."""
_LONGEST_NUMBER = 400

_MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlainError(ValueError):
    """Why a text is not read, in a few words.

    Attributes:
        line: on which it is wrong, from 1; None where no line is.
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def yaml_values(text: str) -> Any:
    """The plain values of a YAML text. Aliases and merges are followed; `1e-3` is a number, which YAML 1.1 denies.

    Raises:
        PlainError: it is not valid YAML, says a name twice, has values that are not plain, or is beyond a limit.
    """
    if len(text) > _MOST_CHARACTERS:
        raise PlainError(f"{len(text):,} characters, more than the {_MOST_CHARACTERS:,} that are read")
    try:
        _check_size(text)
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        raise _yaml_error(error) from error
    except UnicodeEncodeError as error:
        raise PlainError("characters that are not UTF-8") from error


def json_values(text: str) -> Any:
    """The plain values of a JSON text.

    Raises:
        PlainError: as `yaml_values`.
    """
    try:
        return plain_values(json.loads(text, object_pairs_hook=_mapping, parse_int=_whole_number))
    except json.JSONDecodeError as error:
        raise PlainError(f"not valid JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise PlainError(_too_deep()) from error


def plain_values(value: Any) -> Any:
    """The value itself, if it is plain; tuples become lists.

    Raises:
        PlainError: as `yaml_values`.
    """
    return _plain(value, 1)


def read_text(path: Path) -> str:
    """A UTF-8 file of reasonable size; a byte order mark before it is passed over.

    Raises:
        PlainError: it cannot be read, is no regular file, too large, or not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlainError(f"not UTF-8: byte {error.start} cannot be read; save it as UTF-8") from error


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """A regular file of reasonable size: whatever waits for a writer is refused.

    Raises:
        PlainError: as `read_text`.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise PlainError("a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file")
        if facts.st_size > most:
            raise PlainError(f"{facts.st_size / 2**20:,.0f} MiB, more than the {most / 2**20:,.0f} that are read")
        return path.read_bytes()
    except OSError as error:
        raise PlainError(error.strerror or str(error)) from error
    except ValueError as error:  # a name that no file has: a NUL in it
        raise error if isinstance(error, PlainError) else PlainError("no such file") from error


class _PlainLoader(_Loader):  # type: ignore[misc]
    """YAML's plain values only; a name written twice, of which plain YAML would keep the last, is refused."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = dict(_Loader.yaml_implicit_resolvers)

    def flatten_mapping(self, node: Any) -> None:
        """Check the names of a mapping and put what it merges in their place: called with every mapping.

        Ours, since PyYAML's takes the wrong one of two values where what is merged merges something itself.
        """
        flat = self.__dict__.setdefault("flat", set())
        if id(node) in flat:
            return
        flat.add(id(node))
        self._check_names(node)
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        merged: dict[str, Any] = {}
        for key, value in node.value:
            for source in () if key.tag != _MERGE else value.value if _is_list(value) else [value]:
                if not isinstance(source, yaml.MappingNode):
                    raise PlainError("not valid YAML: << takes a mapping, or a list of mappings", _line(key))
                self.flatten_mapping(source)
                for pair in source.value:
                    merged.setdefault(pair[0].value, pair)
        names = {key.value for key, _ in own}
        node.value = [pair for name, pair in merged.items() if name not in names] + own

    def _check_names(self, node: Any) -> None:
        names: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise PlainError("a name is a word, not a list or mapping", _line(key))
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise PlainError(f"the name {shown(key.value)} is not a word: put it in quotes", _line(key))
            if name in names:
                raise PlainError(f"the name {shown(name)} stands twice", _line(key))
            names.add(name)

    def construct_yaml_int(self, node: Any) -> int:
        value = self._number(node, super().construct_yaml_int)
        return _in_range(int(value), _line(node))

    def construct_yaml_float(self, node: Any) -> float:
        value = float(self._number(node, super().construct_yaml_float))
        if not math.isfinite(value):
            raise PlainError(f"{shown(node.value)} is not a finite number", _line(node))
        return value

    def construct_yaml_bool(self, node: Any) -> bool:
        value = self.construct_scalar(node).lower()
        if value not in self.bool_values:
            raise PlainError(f"{shown(value)} is neither true nor false", _line(node))
        return bool(self.bool_values[value])

    def refuse(self, node: Any) -> None:
        if node.tag.endswith(":timestamp"):
            raise PlainError(f"{shown(node.value)} is a date: put it in quotes", _line(node))
        raise PlainError(
            f"not valid YAML here: a value is of the kind {shown(node.tag)}; only words, numbers, true, false, null, "
            "lists and mappings are read; put a word in quotes",
            _line(node),
        )

    @staticmethod
    def _number(node: Any, construct: Any) -> Any:
        try:
            if len(node.value) > _LONGEST_NUMBER:
                raise ValueError
            return construct(node)
        except (ValueError, OverflowError, IndexError) as error:  # IndexError: of an empty text that is called a number
            raise PlainError(f"{shown(node.value)} is not a number that can be read", _line(node)) from error


for _tag in ("null", "bool", "int", "float", "str", "seq", "map"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", getattr(_PlainLoader, f"construct_yaml_{_tag}"))
_PlainLoader.add_constructor(None, _PlainLoader.refuse)
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _check_size(text: str) -> None:
    """Refuse depth and size before anything is built, with what aliases stand for counted in.

    Raises:
        PlainError: beyond a limit, or an alias within what it stands for.
    """
    sizes: dict[str, tuple[int, int]] = {}  # anchor -> number of values, and of collections within each other
    open_: list[list[Any]] = []  # of each collection that is open: anchor, values so far, depth so far
    for event in yaml.parse(text, Loader=_Loader):
        line = _line(event)
        if isinstance(event, CollectionStartEvent):
            open_.append([event.anchor, 1, 1])
            if len(open_) > _DEEPEST:
                raise PlainError(_too_deep(), line)
            continue
        if isinstance(event, CollectionEndEvent):
            anchor, values, depth = open_.pop()
        elif isinstance(event, AliasEvent):
            if any(anchor == event.anchor for anchor, _, _ in open_):
                raise PlainError(f"the value {shown(event.anchor)} contains itself", line)
            anchor, (values, depth) = None, sizes.get(event.anchor or "", _OF_A_WORD)
        elif isinstance(event, NodeEvent):
            anchor, (values, depth) = event.anchor, _OF_A_WORD
        else:
            continue
        if anchor:
            sizes[anchor] = values, depth
        if open_:
            open_[-1][1] += values
            open_[-1][2] = max(open_[-1][2], 1 + depth)
            if len(open_) + depth > _DEEPEST:
                raise PlainError(_too_deep(), line)
            if open_[-1][1] > _MOST_VALUES:
                raise PlainError(f"more than {_MOST_VALUES:,} values, those of its aliases counted", line)


_OF_A_WORD = (1, 0)


def _yaml_error(error: yaml.YAMLError) -> PlainError:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    return PlainError(f"not valid YAML: {cut(str(reason), 120)}", mark.line + 1 if mark is not None else None)


def _plain(value: Any, depth: int) -> Any:
    if depth > _DEEPEST and isinstance(value, dict | list | tuple):
        raise PlainError(_too_deep())
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise PlainError(f"the name {shown(name)} is not a word: put it in quotes")
            _check_encodable(name)
        return {name: _plain(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise PlainError(f"{value} is not a finite number")
    if isinstance(value, str) and not value.isascii():
        _check_encodable(value)
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return _in_range(value, None)
    raise PlainError(f"a {type(value).__name__} is not a word, number, list or mapping")


def _check_encodable(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise PlainError(f"{shown(word)} has half of a character: no UTF-8 file can keep it") from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise PlainError(f"the name {shown(name)} stands twice")
        found[name] = value
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise PlainError(f"{shown(digits)} is not a number that can be read")
    return int(digits)


def _in_range(value: int, line: int | None) -> int:
    if not -_LARGEST <= value < _LARGEST:
        raise PlainError(f"{shown(value)} is too large for a whole number, which has at most 64 bits", line)
    return value


def _too_deep() -> str:
    return f"nested more than {_DEEPEST} deep"


def _is_list(node: Any) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _line(at: Any) -> int:
    """Of a node or an event."""
    return int(at.start_mark.line) + 1
