"""The files that commands write: where links, pipes, rights and a missing working folder come in."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from refusal import assert_refused


@pytest.fixture
def runs(tmp_path: Path, make_record, store_record) -> Path:
    for seed in range(2):
        store_record(tmp_path / "runs", make_record(seed=seed))
    return tmp_path / "runs"


WRITERS = {
    "l.csv": ("leaderboard", "runs", "--csv"),
    "l.md": ("leaderboard", "runs", "--markdown"),
    "l.tex": ("leaderboard", "runs", "--latex"),
    "l.html": ("leaderboard", "runs", "--html"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_a_pipe_and_rights_are_kept(cli, runs, tmp_path: Path, name: str) -> None:
    words = WRITERS[name]
    assert cli(*words, name)[0] == 0
    expected = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()

    (tmp_path / "secret").write_text("old")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / name).symlink_to("secret")
    assert cli(*words, name)[0] == 0
    assert (tmp_path / name).is_symlink()
    assert (tmp_path / "secret").read_bytes() == expected
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600

    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert cli(*words, "pipe")[0] == 0
    reader.join()
    assert got == [expected]


def test_a_table_on_standard_output_follows_what_was_printed(cli, runs) -> None:
    code, out, err = cli("leaderboard", "runs", "--csv", "/dev/stdout")
    assert code == 0, err
    assert out.index("map_worst") > out.index("2 seeds")
    assert out.rstrip().splitlines()[-1].count(",") > 10


@pytest.mark.parametrize(
    "words",
    [
        ("leaderboard", "runs", "--csv", "/dev/full"),
        ("leaderboard", "runs", "--html", "/dev/full"),
    ],
)
def test_a_full_device_is_one_line(cli, runs, words: tuple[str, ...]) -> None:
    code, _, err = cli(*words)
    assert code == 1
    assert err.strip().splitlines()[-1].startswith("error: writing /dev/full failed: No space left on device.")


@pytest.mark.parametrize(
    "words", [("list",), ("env",), ("run", "--method", "lsh"), ("leaderboard", "runs"), ("new-method", "my_loss")]
)
def test_a_working_folder_that_is_gone_is_one_line(cli, tmp_path: Path, monkeypatch, words: tuple[str, ...]) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert_refused(cli(*words), "the working folder has been deleted")


def test_a_linked_folder_of_runs_is_filled_and_found(cli, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    (tmp_path / "runs" / "digits" / "lsh").symlink_to(tmp_path / "disk")
    words = ("--methods", "lsh", "--bits", "8", "--seeds", "0", "--executor", "inline")
    assert cli("sweep", *words)[0] == 0
    assert list((tmp_path / "disk").rglob("result.json"))
    code, out, err = cli("leaderboard", "runs")
    assert code == 0, err
    assert "lsh" in out
    assert cli("sweep", *words)[1].startswith("0 done, 1 finished before")
    assert (tmp_path / "runs" / "digits" / "lsh").is_symlink()


@pytest.mark.parametrize("bad", ["[]", "null", "folder", "circle"])
def test_a_bad_spec_costs_a_sweep_that_run_alone(cli, tmp_path: Path, bad: str) -> None:
    sweep = ("sweep", "--methods", "lsh", "--bits", "8", "--executor", "inline", "--seeds")
    assert cli(*sweep, "0-1")[0] == 0
    spec = tmp_path / "runs/digits/lsh/8bit/seed0/spec.json"
    spec.unlink()
    if bad == "folder":
        spec.mkdir()
    elif bad == "circle":
        spec.symlink_to("spec.json")
    else:
        spec.write_text(bad)
    code, out, err = cli(*sweep, "0-2")
    assert code == 1
    assert out.startswith("1 done, 1 finished before, 1 failed"), err
    assert "seed0/spec.json: " in out + err
    assert "Traceback" not in err
    code, out, err = cli("leaderboard", "runs")
    assert code == 0, "its result is whole and needs no spec"
    assert "3 seeds" in out
    assert cli("figures", "runs", "--out", "f", "--kinds", "topk", "--format", "png")[0] == 0
    assert cli("run", "--method", "lsh", "--bits", "8", "--overwrite")[0] == 0
    assert cli(*sweep, "0-2")[1].startswith("0 done, 3 finished before")
