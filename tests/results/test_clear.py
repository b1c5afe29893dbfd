"""Deleting a run for another one: what is there after a kill at every single deletion, and what is never deleted."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from hashbench.errors import UserError
from hashbench.results.find import find_runs
from hashbench.results.folder import RunFolder

KILLED_AT_EVERY_DELETION = """
import json, os, shutil, signal, sys
from pathlib import Path
from hashbench.results.folder import RunFolder

source, root = map(Path, sys.argv[1:])
left = None

def before_a_deletion(event, arguments):
    global left
    if left is not None and event in ("os.remove", "os.rename", "os.rmdir"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

sys.addaudithook(before_a_deletion)
for number in range(100):
    run = RunFolder(shutil.copytree(source, root / f"killed{number}", symlinks=True))
    child = os.fork()
    if child == 0:
        with run.claim():
            left = number
            run.clear()
            left = None
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


@pytest.fixture
def run(tmp_path: Path, make_record, store_record) -> RunFolder:
    """A finished run with all that a run may have, and more: folders in folders, links, files of others."""
    run = store_record(tmp_path / "runs", make_record())
    for name in ("epoch_1.pth", "epoch_2.pth", "best_1.pth"):
        run.checkpoints_path.mkdir(exist_ok=True)
        (run.checkpoints_path / name).write_text(name)
    for path in (run.codes_path, run.per_query_path, run.config_path, run.log_path):
        path.write_text(path.name)
    (run.path / "a" / "b").mkdir(parents=True)
    (run.path / "a" / "b" / "mine").write_text("")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (run.path / "link").symlink_to(precious)
    (run.checkpoints_path / "link").symlink_to(precious)
    (run.path / "link_to_file").symlink_to(precious / "file")
    (run.path / "broken_link").symlink_to(tmp_path / "nowhere")
    return run


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_all_but_the_log_is_deleted_and_no_link_is_followed(run: RunFolder, tmp_path: Path) -> None:
    assert run.record.bits == 16
    with run.claim():
        run.clear()
        assert names(run.path) == {"log.txt", ".lock", ".holder.json"}
        assert run.state == "absent"
        with pytest.raises(UserError, match="no run to resume"):
            _ = run.spec
        with pytest.raises(UserError, match="cannot be read"):
            _ = run.record  # not the one that was read before
    assert (tmp_path / "precious" / "file").read_text() == "precious"


def test_a_kill_at_any_deletion_leaves_a_whole_state(run: RunFolder, tmp_path: Path, start_python) -> None:
    before = names(run.path) | {".holder.json"}
    out, err = start_python(KILLED_AT_EVERY_DELETION, run.path, tmp_path / "copies").communicate()
    assert out, err
    deletions = int(out)
    assert deletions >= len([name for name in before if not name.startswith(".")]) - 1  # all but the log
    states = []
    for number in range(deletions):
        killed = RunFolder(tmp_path / "copies" / f"killed{number}")
        states.append(killed.state)
        found = find_runs(killed.path)
        assert len(found.runs) == (killed.state == "finished")
        checkpoints = {path.name for path in killed.checkpoints_path.glob("*")}
        if killed.state == "finished":
            assert number == 0
            assert names(killed.path) == before
        elif killed.state == "unfinished":
            assert checkpoints in (set(), {"epoch_1.pth", "epoch_2.pth", "best_1.pth", "link"}), "half a folder"
            assert killed.spec == {"method": "dsh"}
        with killed.claim():
            assert not list(killed.path.glob(".*.tmp")), "whoever comes next deletes what was being deleted"
            killed.clear()
            assert names(killed.path) == {"log.txt", ".lock", ".holder.json"}
    assert states == ["finished"] + ["unfinished"] * (deletions - 1)
    assert RunFolder(tmp_path / "copies" / f"killed{deletions}").state == "absent"
    assert (tmp_path / "precious" / "file").read_text() == "precious"


def test_what_cannot_be_deleted_is_one_line_and_the_run_is_not_finished(run: RunFolder, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with run.claim():
        monkeypatch.setattr(os, "rename", refuse)
        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(UserError, match=r"cannot write to .*seed0: Permission denied") as caught:
            run.clear()
        monkeypatch.undo()
        assert "\n" not in str(caught.value)
        assert run.state == "unfinished"
        assert json.loads(run.spec_path.read_text()) == {"method": "dsh"}


def test_what_a_killed_writer_left_beside_checkpoints_goes_with_the_next_claim(run: RunFolder) -> None:
    leftover = run.checkpoints_path / ".epoch_3.pth.0123.tmp"
    leftover.write_text("half")
    with run.claim():
        assert not leftover.exists()
        assert (run.checkpoints_path / "epoch_2.pth").exists()
