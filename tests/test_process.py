"""Homes for users without one, folders of one's own, where modules are looked for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hashbench import working_folder
from hashbench.process import private_folder, search_for_modules, settle_home, starting_safely
from hashbench.sweeps.executors.local import LocalExecutor

SHADOWED = (
    "__future__",
    "ctypes",
    "json",
    "logging",
    "pickle",
    "random",
    "selectors",
    "socket",
    "typing",
    "numpy",
    "yaml",
)


@pytest.fixture
def shadows(tmp_path, monkeypatch) -> Path:
    """A working folder with modules of the standard library's names, which end whatever imports them."""
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(77)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_m_hashbench_imports_nothing_of_the_working_folder(shadows):
    done = subprocess.run([sys.executable, "-m", "hashbench", "list", "methods"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[:1], done.stderr) == (0, ["methods:"], "")


def test_workers_import_nothing_of_the_working_folder(shadows):
    with LocalExecutor(1) as workers:
        workers.start(0, os.getcwd)
        (ended,) = workers.wait()
    assert ended.value == str(shadows), "and work in it"
    assert "PYTHONSAFEPATH" not in os.environ


@pytest.mark.parametrize("given", [None, "1"])
def test_the_environment_is_as_before(monkeypatch, given, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    if given is not None:
        monkeypatch.setenv("PYTHONSAFEPATH", given)
    with starting_safely():
        assert os.environ.get("PYTHONSAFEPATH") or Path.cwd() != tmp_path
    assert (os.environ.get("PYTHONSAFEPATH"), Path.cwd()) == (given, tmp_path)


def test_older_pythons_start_processes_elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with starting_safely():
        assert Path.cwd() == Path(os.__file__).parent
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("words", "argv", "head"),
    [
        (["python", "-m", "hashbench", "list"], "-m", []),
        (["python", "-u", "-mhashbench", "list"], "-m", []),
        (["python", "-m", "pytest"], "-m", ["/folder"]),  # somebody else's program that imports us
        (["python", "-m", "hashbench", "list"], "/path/__main__.py", ["/folder"]),  # begun long ago
        (["hashbench", "run", "-m", "lsh"], "/bin/hashbench", ["/folder"]),
    ],
)
def test_only_our_own_program_leaves_the_working_folder(monkeypatch, words, argv, head):
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.setattr(sys, "argv", [argv])
    monkeypatch.setattr(sys, "path", ["/folder", "/installed"])
    working_folder.leave()
    assert sys.path == [*head, "/installed"]


def test_a_working_folder_that_holds_hashbench_comes_last(monkeypatch):
    home = str(Path(working_folder.__file__).parents[1])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "hashbench"])
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "path", [home, "/installed"])
    working_folder.leave()
    assert sys.path == ["/installed", home]


def test_folders_of_imported_files_come_after_python_s_own_and_before_what_is_installed(monkeypatch, tmp_path):
    own = os.path.dirname(os.__file__)
    monkeypatch.setattr(sys, "path", ["/script", own, f"{own}/lib-dynload", "/installed"])
    search_for_modules(tmp_path)
    search_for_modules(tmp_path)
    assert sys.path == ["/script", own, f"{own}/lib-dynload", str(tmp_path), "/installed"]


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"hashbench-{os.getuid()}"


def test_a_private_folder_is_the_same_for_all_and_nobody_else_s(temporary):
    assert private_folder() == private_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", ["others write in it", "a link", "a file"])
def test_what_somebody_else_made_is_not_used(temporary, tmp_path, how):
    if how == "a file":
        temporary.touch()
    elif how == "a link":
        (tmp_path / "theirs").mkdir()
        temporary.symlink_to(tmp_path / "theirs")
    else:
        temporary.mkdir()
        temporary.chmod(0o777)
    folder = private_folder()
    assert folder.is_dir()
    assert folder != temporary
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_user_without_a_home_gets_one(temporary, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setenv("HOME", "/mine")
    settle_home()
    assert os.environ["HOME"] == "/mine"
    monkeypatch.delenv("HOME")
    settle_home()
    assert os.environ["HOME"] == str(temporary)


def test_a_user_whose_account_has_a_home_keeps_it(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/of/account"))
    settle_home()
    assert "HOME" not in os.environ
