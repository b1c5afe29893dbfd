"""The example of a third-party package: its own tests pass, and installed in an environment of its own it is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "hashbench_example_plugin"
REST = shutil.ignore_patterns(".git", "build", "*.egg-info", "__pycache__", ".*_cache")


def build_wheel(source: Path, folder: Path) -> Path:
    """Build a copy of a source tree; what it needs is taken from this environment."""
    copy = folder / f"{source.name}-source"
    shutil.copytree(source, copy, ignore=REST)
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / source.name),
        str(copy),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = (folder / source.name).glob("*.whl")
    return path


@pytest.mark.slow
def test_installed_example_is_listed_checked_and_runs(tmp_path):
    wheels = [build_wheel(source, tmp_path) for source in (REPOSITORY, EXAMPLE)]
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--no-deps", "--no-index", "-q", *map(str, wheels)]
    subprocess.run(install, check=True, capture_output=True)
    # Dependencies are those of the running environment, reached by path; its editable hashbench is not.
    own = next((environment / "lib").glob("python*/site-packages"))
    (own / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    work = tmp_path / "empty"
    work.mkdir()
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
        "HASHBENCH_CACHE": str(tmp_path / "cache")
    }

    def call(*words):
        return subprocess.run([str(word) for word in words], cwd=work, env=clean, capture_output=True, text=True)

    program = environment / "bin" / "hashbench"
    listed = json.loads(call(program, "list", "--json").stdout)
    assert {row["name"]: row["plugin"] for row in listed["methods"]}["dch"] == "example"
    assert listed["broken"] == []
    checked = call(program, "check", "dch")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = call(program, "run", "--method", "dch", "--epochs", "4", "--bits", "16")
    assert done.returncode == 0, done.stderr
    assert "mAP, expected over ties" in done.stdout
    board = call(program, "leaderboard", "runs", "--csv", "board.csv")
    assert board.returncode == 0, board.stderr
    assert ",dch,default,16,1," in (work / "board.csv").read_text()
    tested = call(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests")
    assert tested.returncode == 0, tested.stdout
