"""A command that is killed at any rename, deletion, flush or new file leaves the old or the new, never a half; the same
command then completes what it was doing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_states import contents, killed_everywhere, leftovers
from whole import assert_whole_runs, runs_below, store_with_codes

from hashbench.results.find import find_runs
from hashbench.results.folder import RunFolder
from hashbench.tuning.study import load_study

Cli = Callable[..., tuple[int, str, str]]
SLOW = pytest.mark.slow
TOY = ("--bits", "8", "--epochs", "2", "--batch-size", "256", "--device", "cpu")


def states_of(work: Path, cli: Cli, *words: object) -> list[Path]:
    """What a kill of a command would leave, at each of its steps, and last what it leaves by itself."""

    def command() -> None:
        code, out, err = cli(*words)
        assert code == 0, out + err

    return killed_everywhere(work, work.parent / "states", command)


@pytest.fixture(params=[False, pytest.param(True, marks=SLOW)], ids=["some", "all"])
def chosen(request) -> Callable[[list[Path], int], list[Path]]:
    """chosen(states, n): those in which the command is done again: about n of them, or every one."""
    return lambda states, number: states if request.param else states[:: max(1, len(states) // number)]


def again(state: Path, cli: Cli, *words: object) -> None:
    """The same command where it was killed."""
    os.chdir(state)
    code, out, err = cli(*words)
    assert code == 0, out + err
    assert leftovers(state) == []


# --- tables and pages


def test_tables_and_pages_of_a_leaderboard_are_the_old_or_the_new(work: Path, cli: Cli, make_record, chosen) -> None:
    names = ("l.csv", "l.md", "l.tex", "l.html")
    words = ("leaderboard", "runs", "--csv", "l.csv", "--markdown", "l.md", "--latex", "l.tex", "--html", "l.html")
    for seed in (0, 1):
        store_with_codes(work / "runs", make_record(seed=seed))
    assert cli(*words)[0] == 0
    old = contents(work)
    store_with_codes(work / "runs", make_record("csq"))
    states = states_of(work, cli, *words)
    new = contents(work)
    assert len(states) > 3 * len(names), "before, half and whole, of each file"
    for state in states:
        found = contents(state)
        assert all(found[name] in (old[name], new[name]) for name in names)
    for state in chosen(states, 4):
        again(state, cli, *words)
        assert contents(state) == new


def test_a_new_method_is_complete_after_the_same_command(work: Path, cli: Cli) -> None:
    words = ("new-method", "my_loss")
    states = states_of(work, cli, *words)
    new = contents(work)
    assert len(states) > 3 * 3
    for state in states:
        assert all(new[name] == content for name, content in contents(state).items() if not name.endswith(".tmp"))
        if (state / "hashbench.yaml").exists():  # written last: nothing is missing
            assert contents(state) == new
        else:
            again(state, cli, *words)
            assert contents(state) == new


# --- folders of files


@pytest.mark.parametrize("before", ["older", pytest.param("absent", marks=SLOW), pytest.param("empty", marks=SLOW)])
def test_figures_are_all_there_or_the_index_is_not(work: Path, cli: Cli, make_record, chosen, before: str) -> None:
    words = ("figures", "runs", "--out", "f", "--kinds", "training,topk", "--format", "png")
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_map": epoch / 10} for epoch in (1, 2)]
    store_with_codes(work / "runs", make_record(history=history))
    if before == "empty":
        (work / "f").mkdir()
    if before == "older":
        assert cli(*words)[0] == 0
        (work / "f" / "mine.txt").write_text("mine")
    old = contents(work / "f") if before == "older" else {}
    store_with_codes(work / "runs", make_record("csq", history=history))
    states = states_of(work, cli, *words)
    new = contents(work / "f")
    assert "index.md" in new
    assert (new.get("mine.txt") is not None) == (before == "older")
    for state in states:
        found = {name: content for name, content in contents(state / "f").items() if ".tmp" not in name}
        if "index.md" in found:
            assert found in (old, new)
        elif before == "absent":
            assert found == {}
        assert all(content in (old.get(name), new.get(name)) for name, content in found.items())
    for state in chosen(states, 4):
        again(state, cli, *words)
        assert contents(state / "f") == new


@pytest.mark.parametrize("before", ["empty", pytest.param("absent", marks=SLOW)])
def test_an_export_is_complete_or_counts_as_none(work: Path, cli: Cli, chosen, before: str) -> None:
    assert cli("run", "--method", "lsh", "--bits", "8", "--out", "runs")[0] == 0
    (run,) = find_runs(work / "runs").runs
    words = ("export", run.path.relative_to(work), "--out", "e")
    if before == "empty":  # such as a disk that is mounted there
        (work / "e").mkdir()
    states = states_of(work, cli, *words)
    new = contents(work / "e")
    assert "encoder.pt2" in new
    in_part = []
    for state in states[:-1]:
        found = {name: content for name, content in contents(state / "e").items() if ".tmp" not in name}
        assert found == new or "manifest.json" not in found
        assert all(content == new[name] for name, content in found.items())
        if found != new:
            in_part.append(state)
            assert before == "empty" or not found
    assert in_part
    for state in chosen(in_part[1:], 2):
        again(state, cli, *words)
        assert contents(state / "e") == new
        assert cli(*words)[0] == 2, "never over a complete one"


# --- runs


@pytest.mark.parametrize(
    ("method", "before"),
    [
        ("toy", "absent"),
        ("toy_shallow", "finished"),
        pytest.param("toy", "finished", marks=SLOW),
        pytest.param("toy_shallow", "absent", marks=SLOW),
    ],
)
def test_a_run_is_finished_unfinished_or_absent_and_goes_on(
    work: Path, cli: Cli, plugin, chosen, method: str, before: str
) -> None:
    words = ("run", "--method", method, "--plugin", plugin, "--out", "runs", *TOY)
    if before == "finished":
        assert cli(*words)[0] == 0
        words += ("--overwrite",)
    states = states_of(work, cli, *words)
    whole = runs_below(work / "runs")
    assert len(whole) == 1
    (place,) = whole
    kinds = set()
    for state in states:
        assert_whole_runs(state / "runs", whole)
        kinds.add(RunFolder(state / "runs" / place).state)
    for state in chosen(states, 4):
        run = RunFolder(state / "runs" / place)
        if run.state == "unfinished":
            again(state, cli, *words[:-1] if before == "finished" else words, "--resume")
            assert_whole_runs(state / "runs", whole)
            assert run.state == "finished"
    assert kinds == {"absent", "unfinished", "finished"}


def test_a_sweep_keeps_what_is_finished_and_completes_the_rest(work: Path, cli: Cli, plugin, chosen) -> None:
    words = ("sweep", "--methods", "toy_shallow,toy", "--plugin", plugin, "--seeds", "0", "--executor", "inline", *TOY)
    states = states_of(work, cli, *words)
    whole = runs_below(work / "runs")
    assert len(whole) == 2
    for state in states:
        assert_whole_runs(state / "runs", whole)
    for state in chosen(states, 4):
        again(state, cli, *words)
        assert runs_below(state / "runs").keys() == whole.keys()
        assert_whole_runs(state / "runs", whole)


def test_a_search_keeps_the_trials_that_are_over(work: Path, cli: Cli, plugin, chosen) -> None:
    words = ("tune", "toy", "--search", "alpha=log 0.5 2", "--plugin", plugin, "--trials", "3", "--out", "s.json")
    words += ("--executor", "inline", *TOY)
    states = states_of(work, cli, *words)

    def trials(folder: Path) -> list[tuple]:
        return [(trial.number, trial.values, trial.score) for trial in load_study(folder / "s.json").trials]

    whole = trials(work)
    assert len(whole) == 3
    for state in states:
        if (state / "s.json").exists():
            kept = trials(state)
            assert kept == whole[: len(kept)]
    for state in chosen(states, 4):
        again(state, cli, *words)
        assert trials(state) == whole
        assert [name for name in contents(state) if not name.endswith(".lock")] == ["s.json"]
