"""What pyproject.toml says: every package that the code imports is declared, and the version stands in one place."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import hashbench

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("hashbench", "baselines", "plugins")
OWN = {"hashbench", "hashbench_baselines", "hashbench_dualhash"}
BROUGHT = {"huggingface_hub": "timm", "llvmlite": "numba", "pydantic_core": "pydantic", "triton": "torch"}
"""Packages that a declared one brings in the version that fits it."""
PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def imported() -> dict[str, str]:
    """Top-level package -> a file that imports it; those of the standard library and our own left out."""
    found = {}
    for folder in FOLDERS:
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                for name in _tops(node):
                    if name not in sys.stdlib_module_names | OWN:
                        found.setdefault(name, str(file.relative_to(REPOSITORY)))
    return found


def _tops(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.partition(".")[0]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """Distributions named in dependencies and extras. Read as text: tomllib is not in Python 3.10."""
    begin, end = PROJECT.index("\ndependencies = ["), PROJECT.index("[project.urls]")
    return {normal(name) for name in re.findall(r'"([A-Za-z0-9][\w.-]*)', PROJECT[begin:end])}


def test_every_imported_package_is_declared():
    distributions = metadata.packages_distributions()
    names = declared()
    missing = {
        f"{package} ({file})"
        for package, file in imported().items()
        if BROUGHT.get(package) not in names
        and not names & {normal(name) for name in distributions.get(package, [package])}
    }
    assert missing == set()


def test_the_check_sees_imports_and_declarations():
    assert {"PIL", "safetensors", "torch", "ray"} <= imported().keys()
    assert {"pillow", "safetensors", "scikit-learn", "ray"} <= declared()
    assert "hashbench" not in declared()


def test_a_source_tree_that_is_not_installed_knows_its_version(tmp_path):
    code = "import sys; sys.modules['importlib.metadata'] = None; import hashbench; print(hashbench.__version__)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == hashbench.__version__, done.stderr


def test_the_version_is_written_once():
    assert re.fullmatch(r"\d+\.\d+\.\d+", hashbench.__version__)
    assert 'dynamic = ["version"]' in PROJECT
    assert hashbench.__version__ not in PROJECT
