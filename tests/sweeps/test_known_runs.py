"""A result counts for the data it was made of, and for no other that happens to be asked for by the same words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.cli import main
from hashbench.results.find import find_runs


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def called(capsys):
    """Call the program with the words of a command line; code, output and error output."""

    def call(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(line.split())
        return ended.value.code, *capsys.readouterr()

    return call


def write_features(path, seed, rows=60):
    random = np.random.default_rng(seed)
    np.savez(path, features=random.normal(size=(rows, 6)), labels=np.arange(rows) % 3)


def results(folder="z"):
    return {run.path.parents[2].name: run.record for run in find_runs(folder).runs}


RUN = "run -m lsh --bits 8 --protocol features --out z"
SWEEP = "sweep --methods lsh --bits 8 --protocols features --seeds 0 --out z --executor inline"


def test_sweep_does_not_take_the_results_of_another_file(called, tmp_path):
    write_features("a.npz", 0)
    write_features("b.npz", 1)
    assert called(f"{RUN} --data-root a.npz")[0] == 0
    code, out, _ = called(f"{SWEEP} --data-root b.npz")
    assert code == 0
    assert "1 done, 0 finished before" in out
    first, second = results().values()
    assert first.protocol_description["data"] != second.protocol_description["data"]
    assert first.metrics["map"] != second.metrics["map"]
    for data in ("a.npz", "b.npz"):
        assert "0 done, 1 finished before" in called(f"{SWEEP} --data-root {data}")[1]


def test_run_of_another_file_is_another_run(called):
    write_features("a.npz", 0)
    write_features("b.npz", 1)
    assert called(f"{RUN} --data-root a.npz")[0] == 0
    before = results()
    assert called(f"{RUN} --data-root b.npz --overwrite")[0] == 0
    after = results()
    assert len(after) == 2
    assert before.items() <= after.items()


def test_file_that_was_replaced_is_read_again(called):
    """In one process too: it keeps the table of the run before."""
    write_features("a.npz", 0)
    assert called(f"{RUN} --data-root a.npz")[0] == 0
    write_features("a.npz", 1)
    assert called(f"{SWEEP} --data-root a.npz")[0] == 0
    assert len({record.fingerprint for record in results().values()}) == 2


def test_sweep_does_not_take_the_results_of_another_image_folder(called):
    for folder, shift in (("a", 0), ("b", 1)):
        random = np.random.default_rng(shift)
        for i in range(36):
            path = Path(folder, f"class{i % 3}")
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path / f"{i}.png")
    size = "--backbone small_conv --scratch --trained --set dataset.size=8"
    run, sweep = (line.replace("features", "image_folder") for line in (RUN, SWEEP))
    assert called(f"{run} {size} --data-root a")[0] == 0
    assert called(f"{sweep} {size} --data-root b")[0] == 0
    assert len({record.protocol_description["data"] for record in results().values()}) == 2


def test_missing_data_are_told_and_not_passed_over(called):
    write_features("a.npz", 0)
    assert called(f"{SWEEP} --data-root a.npz")[0] == 0
    code, out, err = called(f"{SWEEP} --data-root nowhere.npz")
    assert code == 1
    assert "nowhere.npz" in out + err
    assert "Traceback" not in out + err


def test_run_of_an_older_version_is_found_where_it_lies(called, tmp_path):
    """It lies in a folder without the start of the fingerprint."""
    write_features("a.npz", 0)
    assert called(f"{RUN} --data-root a.npz")[0] == 0
    (new,) = (tmp_path / "z").glob("features-*")
    assert re.fullmatch("features-[0-9a-f]{8}", new.name)
    new.rename(tmp_path / "z/features")
    assert "0 done, 1 finished before" in called(f"{SWEEP} --data-root a.npz")[1]
    assert "holds this run, finished" in called(f"{RUN} --data-root a.npz")[2]
    assert called(f"{RUN} --data-root a.npz --overwrite")[0] == 0
    assert list(results()) == ["features"]


@pytest.mark.parametrize("flag", ["", "--overwrite", "--resume"])
def test_folder_that_holds_another_run_is_left_alone(called, tmp_path, flag):
    """It would lie in the same place: its data or its settings were others."""
    run = "run -m lsh --bits 8 --out z"
    assert called(run)[0] == 0
    folder = tmp_path / "z/digits/lsh/8bit/seed0"
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps(spec | {"fingerprint": "0" * 16}))
    before = (folder / "result.json").read_bytes()
    code, _, err = called(f"{run} {flag}")
    assert code == 2
    assert "fingerprint" in err
    assert len(err.splitlines()) == 1
    assert (folder / "result.json").read_bytes() == before


def test_folder_whose_spec_is_lost_can_be_overwritten(called, tmp_path):
    run = "run -m lsh --bits 8 --out z"
    assert called(run)[0] == 0
    (tmp_path / "z/digits/lsh/8bit/seed0/spec.json").unlink()
    assert called(f"{run} --overwrite")[0] == 0


def test_study_is_not_gone_on_with_on_other_data_nor_used_there(called):
    write_features("a.npz", 0)
    write_features("b.npz", 1)
    tune = "tune ksh --bits 8 --trials 1 --protocol features --out study.json --executor inline --set anchors=20"
    assert called(f"{tune} --data-root a.npz")[0] == 0
    code, _, err = called(f"{tune} --data-root b.npz")
    assert code == 2
    assert "content.data" in err
    run = "run -m ksh --bits 8 --protocol features --tuned study.json --out z"
    code, _, err = called(f"{run} --data-root b.npz")
    assert code == 2
    assert "the data of the study" in err
    assert called(f"{run} --data-root a.npz")[0] == 0
