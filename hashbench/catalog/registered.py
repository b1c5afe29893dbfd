"""What decorators have put into the registries in this process: the second door into the catalogue.

`hashbench.registry` appends here; `load_catalog` makes entries of it. This module imports neither torch nor mmengine,
so `hashbench list` stays quick.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hashbench.catalog.schema import ENTRIES
from hashbench.errors import UserError, did_you_mean, shown


@dataclass(frozen=True)
class Registered:
    """A decorated class or function.

    Attributes:
        section: of the catalogue, `methods`, ...
        target: the class or function itself.
        facts: of the entry, as given to the decorator.
        file: where it is written; None in a notebook or an interactive session.
        line: 1-based; 0 where unknown.
    """

    section: str
    name: str
    target: Callable[..., Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file else f"module {self.target.__module__}"
        return f"{self.target.__qualname__} ({where})"

    @classmethod
    def of(cls, section: str, name: str, target: Callable[..., Any], facts: Mapping[str, Any]) -> Registered:
        """With the place where the target is written."""
        return cls(section, name, target, dict(facts), *_place(target))

    @property
    def class_path(self) -> str:
        """`module:Name`."""
        return f"{self.target.__module__}:{self.target.__name__}"


_REGISTERED: dict[tuple[str, str], Registered] = {}


def registered() -> list[Registered]:
    """All of this process, in the order in which they came."""
    return list(_REGISTERED.values())


def register(new: Registered) -> None:
    """Take in a decorated class or function. The same one again replaces itself: a notebook's cell that is run twice, a
    file that is run as a script and imported.

    Raises:
        UserError: the name is another class's, it is no plain name, or a fact that such an entry does not have.
    """
    if not re.fullmatch(r"[A-Za-z_][\w.+-]*", new.name):
        raise UserError(f"{new}: {shown(new.name)} cannot be a name: use letters, digits, _ . + and -, a letter first")
    old = _REGISTERED.get((new.section, new.name))
    if old is not None and not _is_the_same(old, new):
        raise UserError(f"two {new.section} are named {shown(new.name)}: {old} and {new}; rename one of them")
    entry_of(new)
    _REGISTERED[new.section, new.name] = new


def _is_the_same(old: Registered, new: Registered) -> bool:
    same_place = old.class_path == new.class_path or (old.file is not None and old.file == new.file)
    return same_place and old.target.__qualname__ == new.target.__qualname__


def forget(section: str, name: str) -> None:
    """Take a decorated class or function out again."""
    _REGISTERED.pop((section, name), None)


def entry_of(one: Registered) -> Any:
    """The catalogue entry: facts given to the decorator, then attributes of the class of the same names.

    Raises:
        UserError: a fact that such an entry does not have, or of a wrong type.
    """
    model: type[BaseModel] = ENTRIES[one.section]
    known = {name for name in model.model_fields if name not in ("class_path", "hparams")}
    for fact in one.facts:
        if fact not in known:
            what = f"{one.section[:-1]} {shown(one.name)} cannot have {shown(fact)}"
            raise UserError(f"{one}: {what}. {did_you_mean(fact, known)}")
    values = {name: value for name in known if _is_fact(value := getattr(one.target, name, None))}
    values.setdefault("title", (inspect.getdoc(one.target) or "").partition("\n")[0])
    try:
        return model.model_validate({"class": one.class_path, **values, **one.facts})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{one}: {where}: {first['msg'].removeprefix('Value error, ')}") from error


def _is_fact(value: object) -> bool:
    """Whether an attribute can be a value of an entry: a class may use the same name for something else."""
    return isinstance(value, str | bool | int | float | list | tuple | dict)


def _place(target: Callable[..., Any]) -> tuple[Path | None, int]:
    module = sys.modules.get(target.__module__)
    file = getattr(module, "__file__", None)
    try:
        line = inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        line = 0
    return (Path(file).resolve() if file else None), line
