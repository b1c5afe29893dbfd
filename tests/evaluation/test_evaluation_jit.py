"""Where compiled kernels are kept, also where nothing beside the code and no home can be written."""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
from pathlib import Path

import numba
import pytest

from hashbench.evaluation import jit

SOURCE = "from hashbench.evaluation.jit import njit\n\n\n@njit()\ndef double(x):\n    return 2 * x\n"


def kernel(folder: Path):
    """A kernel in a module of its own in that folder."""
    file = folder / "some_kernels.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("some_kernels", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> Path:
    """A folder of code that cannot keep anything, for a user whose home cannot either. (Rights do not stop root.)"""
    code = tmp_path / "code"
    code.mkdir()
    (code / "__pycache__").write_text("a file, where the folder would be")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for name in ("HOME", "XDG_CACHE_HOME", "HASHBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "code" / "__pycache__" / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "code" / "__pycache__"))
    jit._one_more_place.cache_clear()
    yield code
    jit._one_more_place.cache_clear()


def test_numba_s_own_places_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    assert kernel(tmp_path)(2) == 4
    assert list((tmp_path / "__pycache__").glob("some_kernels.double-*.nbi"))
    assert not (tmp_path / "cache").exists()


def test_the_cache_s_root_is_one_more_place(nowhere, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    assert kernel(nowhere)(2) == 4
    assert list((tmp_path / "cache" / "numba").rglob("some_kernels.double-*.nbi"))
    assert caplog.records == []


def test_a_folder_of_the_user_s_own_among_the_temporary_files_is_the_last_place(nowhere, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert kernel(nowhere)(2) == 4
    (own,) = tmp_path.glob("hashbench-numba-*")
    assert own.stat().st_mode & 0o777 == 0o700
    assert list(own.rglob("some_kernels.double-*.nbi"))
    assert caplog.records == []


def test_code_is_not_taken_from_a_folder_in_which_others_may_write(nowhere, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / f"hashbench-numba-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    assert kernel(nowhere)(2) == 4
    assert list(theirs.iterdir()) == []
    assert "compiled kernels cannot be kept" in caplog.text


@pytest.mark.parametrize("root", [None, "unwritable", "~no_such_user_here/cache"])
def test_without_any_place_kernels_are_compiled_anew_and_it_is_said_once(nowhere, root, monkeypatch, caplog):
    if root is None:
        monkeypatch.delenv("HASHBENCH_CACHE")
    elif root != "unwritable":
        monkeypatch.setenv("HASHBENCH_CACHE", root)
    with caplog.at_level(logging.WARNING):
        assert kernel(nowhere)(2) == 4
        assert kernel(nowhere)(3) == 6
    (record,) = caplog.records
    assert "set HASHBENCH_CACHE to a writable folder" in record.message
    assert "\n" not in record.message


def test_other_errors_of_the_compiler_are_not_hidden(monkeypatch):
    def broken(**options):
        raise RuntimeError("something else")

    monkeypatch.setattr(numba, "njit", broken)
    with pytest.raises(RuntimeError, match="something else"):
        jit.njit()(len)
