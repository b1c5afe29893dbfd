"""Finding runs: nothing is lost, nothing counts twice, what cannot be counted is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.errors import UserError
from hashbench.results.find import find_run, find_runs, open_run
from hashbench.results.folder import RunFolder


def test_finished_runs_are_read_in_the_order_of_their_paths(tmp_path: Path, make_record, store_record) -> None:
    for method, seed in (("dsh", 1), ("csq", 0), ("dsh", 0)):
        store_record(tmp_path, make_record(method=method, seed=seed))
    found = find_runs(tmp_path)
    assert [(r.method, r.seed) for r in found.records] == [("csq", 0), ("dsh", 0), ("dsh", 1)]
    assert (found.problems, found.unfinished) == ([], 0)


def test_a_run_folder_itself_may_be_named(tmp_path: Path, make_record, store_record) -> None:
    folder = store_record(tmp_path, make_record(seed=3))
    store_record(tmp_path, make_record(seed=4))
    assert [r.seed for r in find_runs(str(folder.path)).records] == [3]


def test_unfinished_runs_are_counted_and_hidden_folders_passed_over(tmp_path: Path, make_record, store_record) -> None:
    store_record(tmp_path, make_record())
    store_record(tmp_path / ".trash", make_record(seed=1))
    unfinished = RunFolder.at(tmp_path, "digits", "dsh", 16, 2)
    with unfinished.claim():
        unfinished.write_spec({})
    with RunFolder.at(tmp_path, "digits", "dsh", 16, 3).claim():
        pass  # claimed, never begun
    found = find_runs(tmp_path)
    assert [r.seed for r in found.records] == [0]
    assert found.unfinished == 1
    assert found.problems == []


def test_what_lies_inside_a_run_is_no_run(tmp_path: Path, make_record, store_record) -> None:
    folder = store_record(tmp_path, make_record())
    store_record(folder.path / "checkpoints", make_record(seed=9))
    assert [r.seed for r in find_runs(tmp_path).records] == [0]


def test_corrupt_and_foreign_results_are_named_and_left_out(tmp_path: Path, make_record, store_record) -> None:
    good, corrupt, foreign = (store_record(tmp_path, make_record(seed=seed)) for seed in range(3))
    corrupt.result_path.write_text(corrupt.result_path.read_text()[:-20])
    foreign.result_path.write_text(foreign.result_path.read_text().replace('"schema": 1', '"schema": 99'))
    found = find_runs(tmp_path)
    assert [r.seed for r in found.records] == [0]
    assert len(found.problems) == 2
    assert str(corrupt.result_path) in found.problems[0]
    assert "corrupt" in found.problems[0]
    assert str(foreign.result_path) in found.problems[1]
    assert "schema version 99" in found.problems[1]
    assert good.result_path.exists()


def test_copies_count_once_and_are_named_with_both_paths(tmp_path: Path, make_record, store_record) -> None:
    first = store_record(tmp_path / "a", make_record(value=0.5))
    same = store_record(tmp_path / "b", make_record(value=0.5))
    other = store_record(tmp_path / "c", make_record(value=0.9))
    found = find_runs(tmp_path)
    assert [r.metrics["map"] for r in found.records] == [0.5]
    assert len(found.problems) == 2
    for problem, copy, numbers in zip(
        found.problems, (same, other), ("the same numbers", "other numbers"), strict=True
    ):
        assert problem.startswith(str(copy.result_path))
        assert str(first.result_path) in problem
        assert numbers in problem


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"bits": 32},
        {"method": "csq"},
        {"preset": "release"},
        {"fingerprint": "ffff"},
        {"hparams": {"alpha": 0.02, "optimizer": {"lr": 0.1}}},
        {"trials": 20},
    ],
)
def test_runs_that_differ_in_anything_are_no_copies(tmp_path: Path, make_record, store_record, change: dict) -> None:
    store_record(tmp_path / "a", make_record())
    store_record(tmp_path / "b", make_record(**change))
    found = find_runs([tmp_path / "a", tmp_path / "b"])
    assert len(found.records) == 2
    assert found.problems == []


def test_order_of_hyperparameters_makes_no_other_run(tmp_path: Path, make_record, store_record) -> None:
    store_record(tmp_path / "a", make_record())
    store_record(tmp_path / "b", make_record(hparams={"optimizer": {"lr": 0.1}, "alpha": 0.01}))
    assert len(find_runs(tmp_path).records) == 1


def test_overlapping_roots_are_no_problem(tmp_path: Path, make_record, store_record) -> None:
    store_record(tmp_path, make_record())
    (tmp_path / "link").symlink_to(tmp_path / "digits")
    found = find_runs([tmp_path, tmp_path / "digits", tmp_path / "link"])
    assert len(found.records) == 1
    assert found.problems == []


def test_no_such_folder_and_a_file_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        find_runs(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder"):
        find_runs([tmp_path, tmp_path / "file"])
    assert find_runs(tmp_path) == ([], [], 0)


# --- one run


def begin(root: Path, protocol_dir: str = "digits", **changes: object) -> tuple[RunFolder, dict]:
    identity = {"protocol": "digits", "method": "dsh", "bits": 16, "seed": 0, "hparams": {"alpha": 1}} | changes
    run = RunFolder.at(root, protocol_dir, "dsh", 16, 0)
    with run.claim():
        run.write_spec(identity | {"fingerprint": "a1b2"})
    return run, identity


def test_a_run_is_found_by_all_of_its_identity_and_nothing_else(tmp_path: Path) -> None:
    assert find_run(tmp_path, begin(tmp_path / "elsewhere")[1]) is None
    first, identity = begin(tmp_path)
    second, changed = begin(tmp_path, "digits-0123abcd", epochs=3)
    for run, wanted in ((first, identity), (second, changed)):
        found = find_run(tmp_path, wanted)
        assert found is not None
        assert (found.path, found.state) == (run.path, "unfinished")
    for change in ({"seed": 1}, {"bits": 8}, {"hparams": {"alpha": 2}}, {"more": None}):
        assert find_run(tmp_path, identity | change) is None
    first.spec_path.write_text("{")
    assert find_run(tmp_path, identity) is None
    assert find_run(tmp_path, changed) is not None


def test_opening_what_is_no_finished_run_says_what_it_is(tmp_path: Path, make_record, store_record) -> None:
    run = store_record(tmp_path, make_record())
    assert open_run(str(run.path)).record == make_record()
    (tmp_path / "empty").mkdir()
    unfinished, _ = begin(tmp_path / "unfinished")
    damaged = store_record(tmp_path / "damaged", make_record())
    damaged.result_path.write_text("{")
    for folder, words in {
        tmp_path / "nowhere": ["no such folder", "seed<k>"],
        run.result_path: ["no such folder"],
        tmp_path / "empty": ["not a run folder", "seed<k>"],
        tmp_path / "digits": ["not a run folder", f"such as {run.path}."],
        unfinished.path: ["this run is unfinished", "--resume"],
        damaged.path: ["result.json: corrupt"],
    }.items():
        with pytest.raises(UserError) as caught:
            open_run(folder)
        text = str(caught.value)
        assert text.startswith(str(folder))
        assert "\n" not in text
        assert all(word in text for word in words), text
