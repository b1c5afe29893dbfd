"""docs/the_runner.md: its files are written out, and do what it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "the_runner.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page's files."""
    made = tmp_path_factory.mktemp("page")
    files = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [name for name, _ in files] == ["mine.py", "same.yaml", "clipped.py", "hooked.py", "drawn.py", "script.py"]
    for name, text in files:
        (made / name).write_text(text)
    return made


def python(folder, *words):
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def run(folder, config):
    return json.loads(python(folder, "-m", "hashbench", "run", "--config", config, "--out", f"runs-{config}", "--json"))


def test_python_yaml_and_the_script_are_the_same_run(folder):
    first, second = run(folder, "mine.py"), run(folder, "same.yaml")
    assert (first["method"], first["bits"], first["hparams"]["alpha"], len(first["history"])) == ("dsh", 16, 0.02, 4)
    assert first["preset"] == second["preset"] != "default"
    assert first["metrics"] == second["metrics"]
    validation, selection, test = python(folder, "script.py").splitlines()
    assert float(validation) == first["history"][-1]["val_map"]
    assert selection == f"epoch {first['selection']['epoch']}, validation map {first['selection']['value']:.6f}"
    assert float(test) == first["metrics"]["map"]


def test_hooks_of_ones_own_and_of_mmengine(folder):
    plain, hooked = run(folder, "mine.py"), run(folder, "hooked.py")
    assert [hook["type"] for hook in hooked["hparams"]["custom_hooks"]] == ["WeightClip", "EMAHook"]
    assert hooked["preset"] != plain["preset"]
    assert hooked["metrics"]["map"] != plain["metrics"]["map"]


def test_curves(folder):
    run(folder, "drawn.py")
    (scalars,) = (folder / "runs-drawn.py").rglob("scalars.json")
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert {"train/loss", "train/lr"} <= set(lines[0])
    assert "val/map" in lines[1]
