"""`--import FILE`: a Python file whose decorators register methods, data sets, metrics, ..."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from hashbench.errors import UserError, shown
from hashbench.paths import expanded, is_file, real
from hashbench.process import search_for_modules


def import_file(path: Path) -> ModuleType:
    """Import a file as a module of its own name, once per process; its folder is searched for what it imports.

    Raises:
        UserError: no such file, a name that another module has, or whatever the file raises, with the line.
    """
    file = real(expanded(path))
    if not is_file(file) or file.suffix != ".py":
        raise UserError(f"--import {path}: not a Python file; name the .py file that holds your class")
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(file) and module.__name__ != "__main__":
            return module
    name = file.stem
    if not name.isidentifier():
        raise UserError(f"--import {path}: rename it: {shown(name)} cannot be the name of a Python module")
    if name in sys.modules or _is_importable(name, file):
        raise UserError(f"--import {path}: another Python module is named {shown(name)}: rename the file")
    search_for_modules(file.parent)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the file may fail in any way, or leave
        del sys.modules[name]
        raise UserError(f"--import {path}{_line(file, error)}: {_words(error)}") from error
    return module


def _is_importable(name: str, file: Path) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin != str(file)


def _line(file: Path, error: BaseException) -> str:
    """`, line N`: the last line of the file that the error came through."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f", line {lines[-1]}" if lines else ""


def _words(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}"
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
