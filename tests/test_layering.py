"""The arrows of the design: which part of hashbench may import which, wherever in a file the import stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "hashbench"

MAY_IMPORT = {
    "foreign_text": "",
    "errors": "foreign_text",
    "working_folder": "",
    "process": "",
    "paths": "foreign_text errors",
    "text_file": "errors paths",
    "special_file": "",
    "atomic": "special_file",
    "npz": "errors",
    "plain": "errors",
    "cache": "errors process atomic",
    "evaluation": "",
    "models": "errors",
    "catalog": "errors process paths plain evaluation",
    "registry": "errors evaluation models catalog",
    "data": "errors foreign_text paths text_file atomic npz cache",
    "backbones": "errors paths atomic cache data",
    "protocol": "errors paths text_file npz catalog data",
    "results": "errors foreign_text paths plain atomic npz evaluation",
    "engine": "errors process foreign_text paths plain atomic cache evaluation models catalog registry data backbones protocol results",
    "testing": "errors process paths models catalog registry data backbones engine",
    "deploy": "errors foreign_text paths atomic npz evaluation models catalog data protocol results engine",
    "sweeps": "errors process paths catalog registry results engine",
    "tuning": "errors paths plain evaluation catalog registry data results engine sweeps",
    "report": "errors foreign_text paths atomic evaluation results tuning",
    "reproduce": "errors foreign_text evaluation catalog results",
}
"""Folder or module of hashbench -> those it may import, itself aside. In order: each imports only what stands above it.

The Python face (`__init__`, `api`) and the command line stand on top of all; nothing imports them.
"""
TOPS = ("__init__", "__main__", "api", "cli")
MMENGINE = {"engine", "registry"}
"""The only ones that know mmengine."""
FOR_PLUGINS = {"errors", "models", "registry"}
"""What our own methods may import: what the documentation offers to everybody's."""


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import of a file, those within functions and for type checkers included.

    `from a import b` gives `a.b`: `b` may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, "." * node.level + f"{node.module or ''}.{alias.name}") for alias in node.names)


def part_of(name: str) -> str:
    """The part of hashbench that a dotted name below `hashbench` belongs to; '__init__' for names of the face."""
    part = name.split(".")[1]
    return part if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file() else "__init__"


def faults(part: str, source: str) -> list[str]:
    """What a file of that part imports and may not, as `line: name`."""
    found = []
    for line, name in imports_of(source):
        top = name.split(".")[0]
        if name.startswith("."):
            found.append(f"{line}: {name} (relative)")
        elif top == "mmengine" and part not in MMENGINE:
            found.append(f"{line}: {name}")
        elif top == "hashbench" and name not in ("hashbench", "hashbench.__version__"):
            target = part_of(name)
            allowed = {"cli"} if part == "__main__" else {*MAY_IMPORT[part].split(), part}
            if target not in allowed:
                found.append(f"{line}: {name}")
    return found


def parts() -> dict[str, list[Path]]:
    """Part -> its files."""
    found: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(file.relative_to(PACKAGE).with_suffix("").parts[0], []).append(file)
    return found


def test_every_part_has_its_place():
    assert set(parts()) - {*MAY_IMPORT, *TOPS} == set(), "write down what it may import"


def test_the_arrows_go_one_way():
    above: set[str] = set()
    for part, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above, part
        above.add(part)


@pytest.mark.parametrize("part", [*MAY_IMPORT, "__main__"])
def test_a_part_imports_what_it_may(part):
    found = {
        str(file.relative_to(REPOSITORY)): wrong
        for file in parts().get(part, ())
        if (wrong := faults(part, file.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize("part", TOPS)
def test_mmengine_does_not_show_on_top(part):
    for file in parts()[part]:
        assert not [name for _, name in imports_of(file.read_text(encoding="utf-8")) if name.startswith("mmengine")]


def test_the_face_does_not_import_the_command_line():
    names = [name for _, name in imports_of((PACKAGE / "__init__.py").read_text(encoding="utf-8"))]
    assert not [name for name in names if name.startswith("hashbench.cli")]


@pytest.mark.parametrize("folder", ["baselines", "plugins", "examples"])
def test_our_methods_use_what_everybody_s_may(folder):
    for file in sorted((REPOSITORY / folder).rglob("*.py")):
        names = [name for _, name in imports_of(file.read_text(encoding="utf-8"))]
        own = [name for name in names if name.split(".")[0] == "hashbench"]
        wrong = [name for name in own if part_of(name) not in FOR_PLUGINS or "._" in name]
        mmengine = [name for name in names if name.startswith("mmengine")]
        tests = "tests" in file.parts  # of the example, by the kit
        assert [name for name in wrong if not (tests and part_of(name) == "testing")] + mmengine == [], file


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("data", "from hashbench.backbones.build import build_backbone"),
        ("data", "from hashbench import backbones"),
        ("data", "import hashbench.engine.run as run"),
        ("evaluation", "def f():\n    from hashbench.errors import UserError"),
        ("models", "if TYPE_CHECKING:\n    from hashbench.engine.context import RunContext"),
        ("results", "from mmengine.config import Config"),
        ("results", "from hashbench import run"),
        ("engine", "from hashbench.cli.progress import Progress"),
        ("catalog", "from .. import engine"),
    ],
)
def test_a_wrong_import_is_seen(part, source):
    assert len(faults(part, source)) == 1


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("results", "import hashbench"),
        ("results", "from hashbench import __version__"),
        ("evaluation", "import numpy\nfrom hashbench.evaluation.counts import Counts"),
        ("engine", "from mmengine.runner import Runner\nfrom hashbench import data"),
    ],
)
def test_a_right_import_is_none(part, source):
    assert faults(part, source) == []


def test_names_that_mmengine_does_not_promise_stand_in_one_file():
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmengine")
        if any(alias.name.startswith("_") for alias in node.names)
    }
    assert users == {"mmengine_internals.py"}
