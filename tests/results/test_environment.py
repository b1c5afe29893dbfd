"""What is recorded about the machine, and what must not be."""

from __future__ import annotations

import getpass
import json
import platform
import socket
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

import hashbench
from hashbench.results.environment import _git_state, environment


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_versions_processor_and_date_are_recorded() -> None:
    found = environment()
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["hashbench"] == hashbench.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert {"torch", "torchvision", "timm", "mmengine", "numba", "pandas"} <= set(found["versions"])
    assert 1 <= found["cpu"]["usable_cores"] <= found["cpu"]["cores"]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(found["date"])
    assert timedelta(seconds=-2) < age < timedelta(minutes=1)
    json.dumps(found, allow_nan=False)


def test_neither_host_nor_user_nor_paths_are_recorded() -> None:
    text = json.dumps({key: value for key, value in environment().items() if key not in ("commit", "cpu")})
    assert "/" not in text, "a path"
    for secret in (socket.gethostname(), getpass.getuser()):
        assert len(secret) < 5 or secret not in text, "shorter names may be part of another word"


def test_torch_is_imported_only_when_devices_are_asked_for(start_python) -> None:
    code = """
import sys, json
from hashbench.results.environment import environment
before = environment()
assert "torch" not in sys.modules and before["gpus"] is None
after = environment(devices=True)
assert "torch" in sys.modules and isinstance(after["gpus"], list) and after["threads"] >= 1
print("ok")
"""
    out, err = start_python(code).communicate()
    assert out == "ok\n", err


def test_results_import_neither_torch_nor_pandas(start_python) -> None:
    modules = "folder layout claim codes find flat record environment statistics leaderboard sections published atomic"
    code = f"""
import sys, importlib
for name in "{modules}".split():
    importlib.import_module("hashbench.results." + name)
print([name for name in ("torch", "pandas", "scipy", "mmengine") if name in sys.modules])
"""
    out, err = start_python(code).communicate()
    assert out == "[]\n", err


def test_commit_and_dirty_flag_follow_the_checkout(tmp_path: Path) -> None:
    assert _git_state(tmp_path) == (None, None)
    git(tmp_path, "init", "--quiet")
    assert _git_state(tmp_path) == (None, None), "no commit yet"
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("")
    assert _git_state(tmp_path) == (commit, False)
    (tmp_path / "file").write_text("b")
    assert _git_state(tmp_path) == (commit, True)
