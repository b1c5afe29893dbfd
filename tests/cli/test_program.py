"""The program as a process of the system: closed and full outputs, limits, users of no account, signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HASHBENCH = f"{sys.executable} -m hashbench"


def shell(command, **options):
    """(exit code, standard output, standard error) of a line of a shell; `hb` is the program."""
    line = command.replace("hb ", f"{HASHBENCH} ")
    options = {"capture_output": True, "text": True, "timeout": 300} | options
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], **options)
    return done.returncode, done.stdout, done.stderr


def one_line(err):
    return err.startswith("error: ") and err.count("\n") == 1 and len(err) <= 301


@pytest.mark.parametrize("words", ["list", "--help", "show dsh", "list --json"])
def test_a_full_device(words):
    code, _, err = shell(f"hb {words} > /dev/full")
    assert code == 1
    assert one_line(err), err


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("hb list | head -1", 0),
        ("hb list >&-", 0),
        ("hb list 2>&-", 0),
        ("hb list <&-", 0),
        ("hb list <&- >&- 2>&-", 0),
        ("hb show nothing 2>&-", 2),
    ],
)
def test_closed_streams(command, code):
    found, _, err = shell(command)
    assert (found, err) == (code, "")


def test_a_run_whose_listener_leaves_goes_on(tmp_path):
    code, _, _ = shell("hb run -m dsh --bits 8 --epochs 2 --out runs 2>&1 | head -1", cwd=tmp_path)
    assert code == 0
    assert list(tmp_path.rglob("result.json"))


def test_a_deleted_working_folder(tmp_path):
    code, _, err = shell("mkdir gone; cd gone; rmdir ../gone; hb list", cwd=tmp_path)
    assert code == 2
    assert one_line(err), err


@pytest.mark.parametrize("mebibytes", [500, 1500, 3000])
def test_a_limit_of_memory(tmp_path, mebibytes):
    code, _, err = shell(f"ulimit -v {mebibytes << 10}; hb run -m lsh --bits 8", cwd=tmp_path)
    if code == 0:
        pytest.skip("torch is small here")
    assert code in (1, 2)
    assert one_line(err), err


@pytest.mark.parametrize(
    "settings", ["PYTHONIOENCODING=ascii", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", "LC_ALL=C"]
)
def test_names_in_narrow_encodings(tmp_path, settings):
    out = tmp_path / os.fsdecode(b"h\xc3\xa9\xff")
    code, _, err = shell(f"{settings} hb run -m lsh --bits 8 --out '{out}'; {settings} hb leaderboard '{out}'")
    assert code == 0, err
    assert "Traceback" not in err
    assert "Logging error" not in err


@pytest.mark.parametrize("after", [0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0])
def test_ctrl_c_at_any_moment(tmp_path, after):
    """Also while numba compiles, whose cache is empty here, and while config.py is formatted."""
    words = [*HASHBENCH.split(), "run", "-m", "dsh", "--bits", "8", "--epochs", "200", "--out", str(tmp_path / "runs")]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith("error: interrupted")
    assert "Traceback" not in err


@pytest.fixture
def stranger():
    """(words before a command, its folder): a user of no account and no home, who reads everything and owns a folder.

    It lies beside pytest's, which are closed to other users.
    """
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root becomes another user")
    user, rights = "54321", "-all,+dac_read_search"
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, int(user), int(user))
    words = [
        "setpriv",
        "--reuid",
        user,
        "--regid",
        user,
        "--clear-groups",
        "--inh-caps",
        rights,
        "--ambient-caps",
        rights,
    ]
    without = [
        word for name in ("HOME", "XDG_CACHE_HOME", "HASHBENCH_CACHE", "NUMBA_CACHE_DIR") for word in ("-u", name)
    ]
    yield [*words, "--bounding-set", rights, "env", *without, f"TMPDIR={folder}"], folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("home", [[], ["HOME=/"], ["HOME=/no/such/folder"]])
def test_a_user_of_no_account_runs_and_sweeps(stranger, home):
    words, folder = stranger
    for command in (
        "run -m dsh --bits 8 --epochs 2",
        "sweep --methods lsh,dsh --bits 8 --seeds 0 --epochs 2 --jobs 1",
        "leaderboard runs --csv board.csv --html board.html",
        "figures runs --out figures --kinds training --format png",
    ):
        done = subprocess.run(
            [*words, *home, *HASHBENCH.split(), *command.split()], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert len(list(folder.rglob("result.json"))) == 2


def test_a_working_folder_that_cannot_be_written(stranger, tmp_path):
    words, folder = stranger
    folder.chmod(0o500)
    os.chown(folder, 0, 0)
    done = subprocess.run(
        [*words, *HASHBENCH.split(), "run", "-m", "lsh", "--bits", "8"], cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 2
    assert one_line(done.stderr), done.stderr
