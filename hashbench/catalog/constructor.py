"""What a class's constructor (or a function) takes, read from its source without importing it.

Defaults of hyper-parameters are written once, in the constructor. To show them, to check a `--set` against them and to
resolve a request, hashbench reads the source: importing a method means importing torch, which takes seconds where an
answer takes tenths. Whatever cannot be read off the source (a default that is computed, a class made by a call) is
`None` here, and the caller imports the class and asks `inspect`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hashbench.paths import is_file

REQUIRED = inspect.Parameter.empty
"""Stands for the default of a parameter that has none."""

_COMPLETED_BY = "passes_on_to"
"""The decorator of constructors that hand `**shared` on to a base class: `hashbench.models.passes_on_to`."""


@dataclass(frozen=True)
class Argument:
    """A named argument of a constructor.

    Attributes:
        default: its value, tuples as lists, as YAML and JSON would give it; `REQUIRED` where there is none.
        annotation: its type as written; empty where there is none.
    """

    default: Any = REQUIRED
    annotation: str = ""


Arguments = dict[str, Argument]
"""By name, in the order of the signature, without `self`, `*args` and `**kwargs`."""


class _NotReadableError(Exception):
    """The source does not say."""


@dataclass(frozen=True)
class _Module:
    name: str
    file: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"


def arguments_in_source(path: str, folder: Path | None = None) -> Arguments | None:
    """The arguments of what `module:Name` names, without running any of its code.

    Args:
        path: `package.module:Class`, or a function there.
        folder: searched for the module first, as for a class beside a local hashbench.yaml.

    Returns:
        None where the source is not found or does not say.
    """
    module, _, name = path.partition(":")
    try:
        return _arguments(*_definition(_module(module, folder), name, folder), folder)
    except (_NotReadableError, RecursionError):
        return None


def arguments_of(function: Callable[..., Any]) -> Arguments:
    """The arguments of an imported class or function."""
    found = {}
    target = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    parameters = list(inspect.signature(target).parameters.values())
    for parameter in parameters[1:] if isinstance(function, type) else parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = "" if parameter.annotation is parameter.empty else inspect.formatannotation(parameter.annotation)
        found[parameter.name] = Argument(_plain(parameter.default), annotation.strip("'"))
    return found


@lru_cache(maxsize=256)
def _parsed(file: Path, changed_ns: int) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise _NotReadableError from error


def _module(name: str, folder: Path | None) -> _Module:
    """The source of a module, found without importing its parents."""
    file = _file(name, folder)
    if file is None or file.suffix != ".py":
        raise _NotReadableError
    return _Module(name, file, _parsed(file, file.stat().st_mtime_ns))


def _file(name: str, folder: Path | None) -> Path | None:
    first, *rest = name.split(".")
    places = [folder] if folder is not None and _inside(folder, first) else []
    if not places:
        try:
            spec = importlib.util.find_spec(first)  # of a name without dots: runs no code
        except (ImportError, ValueError):
            return None
        if spec is None or spec.origin is None:
            return None
        if not rest:
            return Path(spec.origin)
        places, rest = [Path(p) for p in spec.submodule_search_locations or ()], rest
    else:
        rest = [first, *rest]
    for part in rest[:-1]:
        places = [place / part for place in places]
    return next((file for place in places if (file := _inside(place, rest[-1])) is not None), None)


def _inside(folder: Path, name: str) -> Path | None:
    for file in (folder / f"{name}.py", folder / name / "__init__.py"):
        if is_file(file):
            return file
    return None


def _definition(
    module: _Module, name: str, folder: Path | None, depth: int = 0
) -> tuple[_Module, ast.ClassDef | ast.FunctionDef]:
    """Where a name of a module is defined, through imports."""
    if depth > 8:
        raise _NotReadableError
    found: tuple[_Module, ast.ClassDef | ast.FunctionDef] | None = None
    for node in _statements(module.tree):  # the last one counts, as when it runs
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            found = module, node
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    source = _imported(module, node)
                    found = _definition(_module(source, folder), alias.name, folder, depth + 1)
    if found is None:
        raise _NotReadableError
    return found


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Of the module, with those under `if TYPE_CHECKING:`, which name what a lazy module gives."""
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from node.body
        else:
            yield node


def _imported(module: _Module, node: ast.ImportFrom) -> str:
    """The full name of the module that an import names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - (1 if module.is_package else 0)
    return ".".join([*(parts[: len(parts) - up] if up else parts), *([node.module] if node.module else [])])


def _arguments(module: _Module, node: ast.ClassDef | ast.FunctionDef, folder: Path | None) -> Arguments:
    if isinstance(node, ast.FunctionDef):
        return _signature(module, node, skip=0)
    if any(_called_name(decorator) == "dataclass" for decorator in node.decorator_list):
        raise _NotReadableError
    constructor = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if constructor is None:
        return _of_bases(module, node, folder)
    own = _signature(module, constructor, skip=1)
    for decorator in constructor.decorator_list:
        if not (_called_name(decorator) == _COMPLETED_BY and isinstance(decorator, ast.Call) and decorator.args):
            raise _NotReadableError
        base = decorator.args[0]
        if not isinstance(base, ast.Name):
            raise _NotReadableError
        own = _arguments(*_definition(module, base.id, folder), folder) | own
    return own


def _of_bases(module: _Module, node: ast.ClassDef, folder: Path | None) -> Arguments:
    """The constructor that a class inherits: of the first base that has one."""
    for base in node.bases:
        if not isinstance(base, ast.Name):
            raise _NotReadableError
        if base.id == "object":
            continue
        found = _arguments(*_definition(module, base.id, folder), folder)
        if found:
            return found
    return {}


def _called_name(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


def _signature(module: _Module, function: ast.FunctionDef, skip: int) -> Arguments:
    of = function.args
    positional = [*of.posonlyargs, *of.args]
    absent: list[ast.expr | None] = [None] * (len(positional) - len(of.defaults))
    with_defaults = list(zip(positional, [*absent, *of.defaults], strict=True))
    pairs = [*with_defaults[skip:], *zip(of.kwonlyargs, of.kw_defaults, strict=True)]
    return {
        argument.arg: Argument(
            REQUIRED if default is None else _value(module, default),
            ast.unparse(argument.annotation) if argument.annotation is not None else "",
        )
        for argument, default in pairs
    }


def _value(module: _Module, node: ast.expr) -> Any:
    """A literal, arithmetic of numbers such as `-1 / 3`, or a constant of the module."""
    if isinstance(node, ast.Name):
        return _value(module, _constant(module, node.id))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(module, node.left), _value(module, node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            try:
                return _OPERATORS[type(node.op)](left, right)
            except ArithmeticError as error:
                raise _NotReadableError from error
    try:
        return _plain(ast.literal_eval(node))
    except (ValueError, TypeError) as error:  # TypeError: {[]: 0}
        raise _NotReadableError from error


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _constant(module: _Module, name: str) -> ast.expr:
    values = [value for target, value in _assignments(module) if target == name]
    if len(values) != 1:
        raise _NotReadableError
    return values[0]


def _assignments(module: _Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _plain(value: Any) -> Any:
    """As YAML would give it."""
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
