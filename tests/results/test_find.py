"""Finding runs: nothing is lost, nothing counts twice, what cannot be counted is named."""

from __future__ import annotations

import os
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


def test_links_below_a_root_are_followed_once_each(tmp_path: Path, make_record, store_record) -> None:
    root, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    kept = store_record(elsewhere, make_record("lsh"))
    of_its_own = store_record(root, make_record("dsh"))
    (root / "digits" / "lsh").symlink_to(elsewhere / "digits" / "lsh")
    (root / "a_second_time").symlink_to(elsewhere)
    (root / "again").symlink_to(root / "digits")
    (root / "round").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    (root / "lost").symlink_to(tmp_path / "nowhere")
    (root / "circle").symlink_to("circle")
    (root / ".hidden").symlink_to(store_record(tmp_path / ".trash", make_record(seed=7)).out)
    found = find_runs(root)
    assert sorted(record.method for record in found.records) == ["dsh", "lsh"]
    assert found.problems == []
    assert of_its_own.path in [run.path for run in found.runs], "named by its own path, not by that of a link"
    for linked in (root / "digits" / "lsh" / "16bit", root / "digits" / "lsh"):
        assert [run.path.resolve() for run in find_runs(linked).runs] == [kept.path.resolve()]
    assert len(find_runs([elsewhere, root, tmp_path]).records) == 2


def test_a_run_s_folder_may_be_a_link(tmp_path: Path, make_record, store_record) -> None:
    kept = store_record(tmp_path / "elsewhere", make_record())
    place = RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, 0)
    place.path.parent.mkdir(parents=True)
    place.path.symlink_to(kept.path)
    assert [run.path for run in find_runs(tmp_path / "runs").runs] == [place.path]
    assert open_run(place.path).record == make_record()


@pytest.mark.parametrize("name", ["result.json", "spec.json"])
@pytest.mark.parametrize("bad", ["[]", "null", "", "3", "folder", "broken link", "circle", "fifo"])
def test_one_bad_file_is_one_problem_and_the_rest_goes_on(
    tmp_path: Path, make_record, store_record, name: str, bad: str
) -> None:
    good, damaged = (store_record(tmp_path, make_record(seed=seed)) for seed in range(2))
    path = damaged.path / name
    path.unlink()
    if bad == "folder":
        path.mkdir()
    elif bad == "broken link":
        path.symlink_to("nowhere")
    elif bad == "circle":
        path.symlink_to(name)
    elif bad == "fifo":
        os.mkfifo(path)
    else:
        path.write_text(bad)
    found = find_runs(tmp_path)
    assert good.path in [run.path for run in found.runs]
    if name == "spec.json":
        assert found.problems == []  # the results need none
        assert find_run(tmp_path, {"protocol": "digits", "method": "dsh", "bits": 16, "seed": 1}) is None
        with pytest.raises(UserError, match=r"spec\.json") as caught:
            damaged.check_spec({"method": "dsh"})
    else:
        (problem,) = found.problems
        assert str(path) in problem
        with pytest.raises(UserError, match=r"result\.json|unfinished") as caught:
            open_run(damaged.path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    with damaged.claim():
        damaged.clear()
        assert damaged.state == "absent"
        assert not os.path.lexists(path)


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
