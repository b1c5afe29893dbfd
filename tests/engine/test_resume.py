"""A run that is killed and resumed ends with the codes of one that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from hashbench.engine.checkpoint import CheckpointStore
from hashbench.errors import Interrupted, UserError
from hashbench.results.folder import RunFolder


def command(plugin, out, *extra):
    options = ["--plugin", str(plugin), "--out", str(out), "--bits", "12", "--epochs", "5", "--validate-every", "2"]
    return [sys.executable, "-m", "hashbench", "run", *options, *extra]


def query_codes(out):
    (path,) = out.rglob("codes.npz")
    with np.load(path) as file:
        return np.concatenate([file["query_codes"], file["database_codes"]])


def history(out):
    """The epochs of a run's result but for their seconds."""
    (path,) = out.rglob("result.json")
    epochs = json.loads(path.read_text())["history"]
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]


@pytest.fixture(scope="module")
def whole(plugin, tmp_path_factory):
    """Codes of the run that nobody kills."""
    out = tmp_path_factory.mktemp("whole")
    done = subprocess.run(
        command(plugin, out, "--method", "toy", "--set", "dropout=0.2"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return query_codes(out)


# 8 steps an epoch: step 20 lies in the middle of the third, step 2 before anything is saved.
@pytest.mark.parametrize("kill_at", [20, 2])
def test_sigkill_in_the_middle_of_an_epoch_changes_nothing(plugin, tmp_path, kill_at, whole):
    extra = ["--method", "toy", "--set", f"kill_at={kill_at}", "--set", "dropout=0.2"]
    dies = subprocess.run(
        command(plugin, tmp_path / "killed", *extra), env={**os.environ, "TOY_MAY_DIE": "1"}, capture_output=True
    )
    assert dies.returncode == -signal.SIGKILL
    assert not list((tmp_path / "killed").rglob("result.json"))
    refused = subprocess.run(command(plugin, tmp_path / "killed", *extra), capture_output=True, text=True)
    assert refused.returncode == 2
    assert "unfinished run" in refused.stderr
    resumed = subprocess.run(command(plugin, tmp_path / "killed", *extra, "--resume"), capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert ("resumed after epoch" if kill_at == 20 else "starting with epoch 1") in resumed.stderr
    assert np.array_equal(whole, query_codes(tmp_path / "killed"))


@pytest.mark.parametrize("method", ["killed_stom", "killed_storm"])
def test_killed_dualhash_resumes_with_its_duals(plugin, tmp_path, method):
    extra = ["--method", method, "--set", "kill_at=20"]
    assert subprocess.run(command(plugin, tmp_path / "whole", *extra), capture_output=True).returncode == 0
    environment = {**os.environ, "TOY_MAY_DIE": "1"}
    dies = subprocess.run(command(plugin, tmp_path / "killed", *extra), env=environment, capture_output=True)
    assert dies.returncode == -signal.SIGKILL
    resumed = subprocess.run(command(plugin, tmp_path / "killed", *extra, "--resume"), capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert np.array_equal(query_codes(tmp_path / "whole"), query_codes(tmp_path / "killed"))
    assert history(tmp_path / "killed") == history(tmp_path / "whole")  # of u and y, bit for bit
    assert history(tmp_path / "whole")[-1]["dual_active"] > 0.01


def test_ctrl_c_says_what_is_saved_and_how_to_go_on(plugin, tmp_path):
    process = subprocess.Popen(
        command(plugin, tmp_path, "--method", "toy", "--epochs", "500"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells start background jobs without it
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 3/"):
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait() == 130
    last = rest.strip().splitlines()[-1]
    assert last.startswith("error: interrupted, state saved after epoch")
    assert "--resume" in last


def test_truncated_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path):
    said: list[str] = []
    store = CheckpointStore(tmp_path, said.append)
    for epoch in (1, 2, 3):
        store.save(epoch, {"epoch": epoch, "weights": torch.full((1000,), float(epoch)), "training": {"best_epoch": 1}})
    assert store.epochs() == [3, 2]
    newest = tmp_path / "epoch_3.pth"
    newest.write_bytes(newest.read_bytes()[:-700])
    restored = store.latest()
    assert restored is not None
    assert restored["epoch"] == 2
    assert "epoch_3.pth cannot be read" in said[0]
    (tmp_path / "epoch_2.pth").write_bytes(b"")
    assert store.latest() is None


def test_run_resumes_from_the_checkpoint_before_a_truncated_one(do_run, tmp_path, monkeypatch):
    whole = do_run(out=tmp_path / "whole")
    from hashbench.engine.runner import HashRunner

    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "select", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(Interrupted, match="state saved after epoch 4; the same command with --resume goes on"):
            do_run()
    (newest,) = (tmp_path / "runs").rglob("epoch_4.pth")
    newest.write_bytes(newest.read_bytes()[:100])
    outcome = do_run(resume=True)
    assert "epoch_4.pth cannot be read" in (outcome.folder / "log.txt").read_text()
    assert np.array_equal(query_codes(tmp_path / "whole"), query_codes(tmp_path / "runs"))
    assert outcome.record.metrics["map"] == whole.record.metrics["map"]


def test_a_run_begun_with_unfused_steps_goes_on_with_them(do_run, tmp_path, monkeypatch):
    """Checkpoints of versions that had no fused steps are such."""
    from hashbench.engine import optim
    from hashbench.engine.runner import HashRunner

    options: dict = {"method": "toy", "values": {"optimizer.type": "Adam", "optimizer.lr": 0.01}}
    with monkeypatch.context() as patch:
        patch.setattr(optim, "FUSED", {})
        whole = do_run(out=tmp_path / "whole", **options)
        save = HashRunner.save_state

        def save_and_stop(runner):
            save(runner)
            if runner.epoch_done == 1:
                raise KeyboardInterrupt

        patch.setattr(HashRunner, "save_state", save_and_stop)
        with pytest.raises(Interrupted, match="state saved after epoch 1"):
            do_run(**options)
    resumed = do_run(resume=True, **options)
    assert np.array_equal(query_codes(tmp_path / "whole"), query_codes(tmp_path / "runs"))
    assert resumed.record.metrics == whole.record.metrics


def test_best_weights_needed_by_a_kept_checkpoint_are_kept(tmp_path):
    store = CheckpointStore(tmp_path, print)
    for epoch, best in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3)]:
        if epoch == best:
            store.save_best(epoch, {"w": torch.zeros(1)})
        store.save(epoch, {"training": {"best_epoch": best}})
        kept = {path.name for path in tmp_path.glob("best_*")}
        assert f"best_{best}.pth" in kept
        if epoch == 3:  # should checkpoint 3 turn out to be torn, checkpoint 2 is needed, and with it its best
            assert "best_1.pth" in kept
    assert kept == {"best_3.pth"}


KILLED_OVERWRITE = """
import os, signal, sys
from hashbench.results.folder import RunFolder
run, left = RunFolder(sys.argv[1]), int(sys.argv[2])

def before_a_deletion(event, arguments):
    global left
    if event in ("os.remove", "os.rename", "os.rmdir"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

with run.claim():
    sys.addaudithook(before_a_deletion)
    run.clear()
"""


# The first deletions are result.json and the folder of checkpoints, which is renamed and then emptied; the last, spec.json.
@pytest.mark.parametrize("deletions", [1, 3, 100])
def test_a_run_whose_overwriting_was_killed_goes_on_to_the_same_codes(do_run, tmp_path, deletions):
    whole = do_run(out=tmp_path / "whole")
    copy = shutil.copytree(tmp_path / "whole", tmp_path / "copy") / whole.folder.relative_to(tmp_path / "whole")
    killed = subprocess.run([sys.executable, "-c", KILLED_OVERWRITE, str(copy), str(deletions)])
    assert killed.returncode == (0 if deletions == 100 else -signal.SIGKILL)
    assert RunFolder(copy).state == ("absent" if deletions == 100 else "unfinished")
    if deletions < 100:
        with pytest.raises(UserError, match="holds an unfinished run"):
            do_run(out=tmp_path / "copy")
    outcome = do_run(out=tmp_path / "copy", resume=None)
    assert outcome.fresh
    assert np.array_equal(query_codes(tmp_path / "copy"), query_codes(tmp_path / "whole"))
    assert outcome.record.metrics == whole.record.metrics


def test_what_is_refused_before_anything_is_saved_leaves_no_run_behind(do_run, monkeypatch, tmp_path):
    from hashbench.engine.runner import HashRunner

    def refuse(self):
        raise UserError("no")

    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "train", refuse)
        with pytest.raises(UserError, match="no"):
            do_run()
    (log,) = (tmp_path / "runs").rglob("log.txt")
    run = RunFolder(log.parent)
    assert run.state == "absent"
    assert {path.name for path in run.path.iterdir() if not path.name.startswith(".")} == {"log.txt"}
    with pytest.raises(UserError, match="no run to resume"):
        do_run(resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "select", refuse)
        with pytest.raises(UserError, match="no"):
            do_run()
    assert run.state == "unfinished", "its checkpoints are worth going on from"
    assert do_run(resume=True).fresh
