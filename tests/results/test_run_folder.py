"""The folder of a run: its names, who may write, what is there when writing goes wrong."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from refusal import one_line

from hashbench.errors import RunFailedError, UserError
from hashbench.results.atomic import write_bytes
from hashbench.results.folder import RunFolder
from hashbench.results.layout import method_dir_name, protocol_dir_name

HOLD = """
import sys, time
from hashbench.results.folder import RunFolder
with RunFolder.at(sys.argv[1], "digits", "dsh", 16, 0).claim():
    print("held", flush=True)
    time.sleep(60)
"""


# --- names and states


def test_path_has_the_parts_of_the_design(tmp_path: Path) -> None:
    protocol = protocol_dir_name("digits", "a1b2c3d4e5f6", ambiguous=True)
    folder = RunFolder.at(tmp_path, protocol, method_dir_name("dsh", "custom-1a2b3c"), 48, 7)
    assert folder.path == tmp_path / "digits-a1b2c3d4" / "dsh@custom-1a2b3c" / "48bit" / "seed7"
    assert protocol_dir_name("digits", "a1b2c3d4e5f6", ambiguous=False) == "digits"
    assert [method_dir_name("dsh", p) for p in (None, "", "default", "release")] == ["dsh"] * 3 + ["dsh@release"]


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a b", "a\nb"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        RunFolder.at(tmp_path, name, "dsh", 16, 0)
    with pytest.raises(UserError):
        RunFolder.at(tmp_path, "digits", name, 16, 0)


def test_states_follow_the_files(folder: RunFolder, make_record) -> None:
    assert folder.state == "absent"
    assert not folder.path.parent.exists(), "nothing is created before the claim"
    with folder.claim():
        assert folder.state == "absent", "a lock alone is no run"
        folder.write_spec({"method": "dsh"})
        assert folder.state == "unfinished"
        folder.write_result(make_record())
        assert folder.state == "finished"
    assert folder.record == make_record()


def test_the_root_of_all_runs_is_found_from_any_run_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder.at("runs", "digits", "dsh", 16, 0).out == Path("runs")
    assert RunFolder.at(".", "digits", "dsh", 16, 0).out == Path()
    assert RunFolder.at(tmp_path, "digits", "dsh", 16, 0).out == tmp_path
    (tmp_path / "digits" / "dsh" / "16bit" / "seed0").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "digits" / "dsh" / "16bit")
    assert RunFolder("seed0").out == tmp_path
    assert RunFolder("/copy").out == Path("/")


def test_a_folder_without_spec_and_result_is_absent_whatever_else_is_in_it(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.log_path.write_text("refused")
    assert folder.state == "absent"


def test_checkpoints_of_a_withdrawn_run_are_not_taken_for_those_of_the_next(folder: RunFolder) -> None:
    def checkpoint() -> bool:
        return (folder.checkpoints_path / "epoch_9.pth").exists()

    with folder.claim():
        folder.checkpoints_path.mkdir()
        (folder.checkpoints_path / "epoch_9.pth").write_text("")
        folder.write_spec({"method": "dsh"})
        assert not checkpoint()
        folder.checkpoints_path.mkdir()
        (folder.checkpoints_path / "epoch_9.pth").write_text("")
        folder.write_spec({"method": "dsh"})
        assert checkpoint(), "those of a run that is begun are its own"


def test_all_begun_runs_of_a_place_are_found_and_no_others(tmp_path: Path) -> None:
    begun = [("digits", "dsh"), ("digits", "dsh@release"), ("digits-0123abcd", "dsh"), ("digits-0123abcd", "dsh@own")]
    others = [("digits-linf", "dsh"), ("digits2", "dsh"), ("digits", "dsh2"), ("digits", "dsh_own")]
    for protocol, method in [*begun, *others]:
        for bits, seed in ((16, 0), (16, 1), (8, 0)):
            run = RunFolder.at(tmp_path, protocol, method, bits, seed)
            with run.claim():
                run.write_spec({})
    with RunFolder.at(tmp_path, "digits-ffffffff", "dsh", 16, 0).claim():
        pass  # claimed, never begun
    found = RunFolder.all_begun(tmp_path, protocol="digits", method="dsh", bits=16, seed=0)
    assert [run.path for run in found] == [tmp_path / p / m / "16bit" / "seed0" for p, m in sorted(begun)]
    assert RunFolder.all_begun(tmp_path / "nowhere", protocol="digits", method="dsh", bits=16, seed=0) == []


# --- one writer


def test_second_process_is_refused_and_told_who_holds(folder: RunFolder, tmp_path: Path, start_python) -> None:
    holder = start_python(HOLD, tmp_path / "runs")
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(UserError) as caught, folder.claim():
        pass
    text = one_line(caught.value)
    assert f"process {holder.pid}" in text
    assert str(folder.path) in text
    assert "--out" in text
    assert not RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, 1).path.exists()
    with RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, 1).claim():
        pass  # another seed is free


def test_killed_holder_lets_go_and_its_leftovers_vanish(folder: RunFolder, tmp_path: Path, start_python) -> None:
    holder = start_python(HOLD, tmp_path / "runs")
    holder.stdout.readline()
    leftover = folder.path / ".result.json.0123.tmp"
    leftover.write_text('{"half')
    holder.kill()
    holder.wait()
    with folder.claim():
        assert not leftover.exists()


def test_claim_holds_within_one_process_and_ends_with_the_body(folder: RunFolder) -> None:
    again = RunFolder.at(folder.path.parents[3], "digits", "dsh", 16, 0)
    with folder.claim(), pytest.raises(UserError, match=f"process {os.getpid()}"), again.claim():
        pass
    with pytest.raises(ZeroDivisionError), folder.claim():
        raise ZeroDivisionError
    with again.claim():
        pass


# --- what identifies a run


def test_resume_with_the_same_spec_passes(folder: RunFolder) -> None:
    spec = {"method": "dsh", "shape": (1, 2), "lr": np.float64(0.1), "n": np.int64(3)}
    with folder.claim():
        folder.write_spec(spec)
        folder.check_spec(spec)
    assert folder.spec == {"method": "dsh", "shape": [1, 2], "lr": 0.1, "n": 3}


def test_resume_with_another_spec_names_keys_and_both_values(folder: RunFolder) -> None:
    with folder.claim():
        folder.write_spec({"method": "dsh", "hparams": {"alpha": 0.01, "beta": 1}, "a": 1, "b": 1, "c": 1})
    with pytest.raises(UserError) as caught:
        folder.check_spec({"method": "dsh", "hparams": {"alpha": 0.5}, "a": 2, "b": 2, "c": 2, "epochs": 9})
    text = one_line(caught.value)
    assert "hparams.alpha was 0.01, now 0.5" in text
    assert "a was 1, now 2" in text
    assert "and 3 more" in text
    assert "method" not in text.split(":", 1)[1]


def test_a_key_of_one_side_only_differs(folder: RunFolder) -> None:
    with folder.claim():
        folder.write_spec({"old": 1})
    with pytest.raises(UserError, match="new was absent, now None; old was 1, now absent"):
        folder.check_spec({"new": None})


def test_nothing_to_resume_and_corrupt_spec_are_user_errors(folder: RunFolder) -> None:
    with pytest.raises(UserError, match="no run to resume"):
        _ = folder.spec
    with folder.claim():
        (folder.path / "spec.json").write_text("{")
    with pytest.raises(UserError, match=r"spec\.json: corrupt"):
        _ = folder.spec


# --- when the disk says no


def test_out_below_a_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught, RunFolder.at(tmp_path / "file", "digits", "dsh", 16, 0).claim():
        pass
    assert "cannot write to" in one_line(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_out_without_the_right_to_write_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UserError), RunFolder.at(tmp_path / "locked", "digits", "dsh", 16, 0).claim():
        pass


def test_folder_that_becomes_read_only_is_a_user_error(folder: RunFolder, make_record, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with folder.claim():
        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(UserError, match="Read-only file system"):
            folder.write_result(make_record())
        monkeypatch.undo()
        assert folder.state == "absent"


def test_full_disk_leaves_the_old_file_and_nothing_else(folder: RunFolder, make_record, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with folder.claim():
        folder.write_result(make_record(value=0.25))
        before = sorted(p.name for p in folder.path.iterdir())
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RunFailedError) as caught:
            folder.write_result(make_record(value=0.75))
        monkeypatch.undo()
        assert "No space left" in one_line(caught.value)
        assert sorted(p.name for p in folder.path.iterdir()) == before
        assert folder.record.metrics["map"] == 0.25


def test_write_that_the_system_cuts_off_leaves_nothing(tmp_path: Path, start_python) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from hashbench.errors import RunFailedError
from hashbench.results.atomic import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_bytes(Path(sys.argv[1]), bytes(100_000))
except RunFailedError as error:
    print(error)
"""
    pytest.importorskip("resource")
    out, err = start_python(code, tmp_path / "codes.npz").communicate()
    assert "File too large" in out, err
    assert list(tmp_path.iterdir()) == []


def test_result_with_unknown_or_missing_keys_is_never_written(folder: RunFolder, make_record) -> None:
    values = make_record().model_dump(by_alias=True)
    with folder.claim():
        for wrong in (values | {"mertics": {}}, {k: v for k, v in values.items() if k != "metrics"}):
            with pytest.raises(ValidationError):
                folder.write_result(wrong)
        assert folder.state == "absent"


def test_files_have_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_bytes(tmp_path / "atomic", b"")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- many processes, and sudden ends

WORKER = """
import sys
from hashbench.errors import UserError
from hashbench.results.folder import RunFolder
from hashbench.results.record import ResultRecord, load_record
from pathlib import Path
root, template, runs = sys.argv[1], load_record(Path(sys.argv[2])), int(sys.argv[3])
done = 0
for seed in range(runs):
    folder = RunFolder.at(root, "digits", "dsh", 16, seed)
    try:
        with folder.claim():
            if folder.state != "finished":
                folder.write_spec({"seed": seed})
                folder.write_result(template.model_copy(update={"seed": seed}))
                done += 1
    except UserError as error:
        assert "in use by" in str(error), error
print(done)
"""


def test_eight_processes_under_one_folder_lose_nothing(tmp_path: Path, store_record, make_record, start_python) -> None:
    template = store_record(tmp_path / "template", make_record()).result_path
    workers = [start_python(WORKER, tmp_path / "runs", template, 24) for _ in range(8)]
    outcomes = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 8, outcomes
    assert sum(int(out) for out, _ in outcomes) == 24, "every run was done by exactly one of them"
    folders = [RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, seed) for seed in range(24)]
    assert [folder.record.seed for folder in folders] == list(range(24))
    assert not list((tmp_path / "runs").rglob("*.tmp"))


WRITE_FOREVER = """
import sys
from hashbench.results.folder import RunFolder
from hashbench.results.record import load_record
from pathlib import Path
template = load_record(Path(sys.argv[2]))
folder = RunFolder.at(sys.argv[1], "digits", "dsh", 16, 0)
with folder.claim():
    print("go", flush=True)
    number = 0
    while True:
        number += 1
        history = [{"epoch": number}] * 20_000
        folder.write_result(template.model_copy(update={"history": history}))
"""


def test_sigkill_while_writing_leaves_a_whole_result(tmp_path: Path, store_record, make_record, start_python) -> None:
    template = store_record(tmp_path / "template", make_record()).result_path
    folder = RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, 0)
    rounds = 8
    for number in range(rounds):
        writer = start_python(WRITE_FOREVER, tmp_path / "runs", template)
        assert writer.stdout.readline() == "go\n"
        time.sleep(0.04 * number)
        deadline = time.monotonic() + 60
        while number == rounds - 1 and folder.state != "finished" and time.monotonic() < deadline:
            time.sleep(0.01)
        writer.kill()
        writer.wait()
        if folder.result_path.exists():
            history = json.loads(folder.result_path.read_text())["history"]
            assert len(history) == 20_000
            assert len({row["epoch"] for row in history}) == 1
    assert folder.state == "finished", "the last round waits for one result"
