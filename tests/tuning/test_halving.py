"""Successive halving: which trials go on, that they go on as if never stopped, and what a kill in between costs."""

from __future__ import annotations

import math
import shutil
from itertools import pairwise

import pytest
import torch
from scripted_executor import ScriptedExecutor

from hashbench.catalog.request import resolve
from hashbench.catalog.set_words import as_set
from hashbench.errors import Interrupted, UserError
from hashbench.tuning.halving import Rung, brackets_of, due, rungs_of
from hashbench.tuning.study import Study, Trial, continued, load_study
from hashbench.tuning.tune import tune
from hashbench.tuning.tune_method import check_scores
from hashbench.tuning.under_way import Search

SPACE = {"alpha": {"log": [0.5, 2.0]}, "optimizer.lr": {"log": [0.001, 0.1]}}
EPOCHS = 4


def trial(number, curve, rung, failure=None):
    return Trial(
        number=number, values={}, curve=curve, rung=rung, failure=failure, score=max(curve.values(), default=0)
    )


# --- which go on


def test_halving_costs_what_half_as_many_whole_trials_cost():
    for trials, epochs in [(24, 40), (8, 4), (4, 100)]:
        rungs = rungs_of(trials, epochs)
        before = [0, *(rung.epochs for rung in rungs)]
        cost = sum(rung.entrants * (rung.epochs - start) for rung, start in zip(rungs, before, strict=False))
        assert cost == trials * epochs / 2


@pytest.mark.parametrize("trials", range(1, 12))
@pytest.mark.parametrize("epochs", range(1, 9))
def test_rungs_rise_to_all_epochs_with_fewer_trials_each(trials, epochs):
    rungs = rungs_of(trials, epochs)
    assert rungs[-1].epochs == epochs
    assert rungs[0].entrants == trials
    assert all(a.epochs < b.epochs and a.entrants > b.entrants >= 1 for a, b in pairwise(rungs))


def test_the_better_half_goes_on_and_of_equals_the_lower_number():
    rungs = [Rung(1, 5), Rung(2, 3), Rung(4, 2)]
    scores = {0: 0.2, 1: 0.5, 2: 0.5, 3: 0.1, 4: 0.5}
    known = {n: trial(n, {1: score}, 1) for n, score in scores.items()}
    assert due(range(5), rungs, {n: known[n] for n in (0, 1, 2)}) == ([3, 4], 0)
    assert due(range(5), rungs, known) == ([1, 2, 4], 1)
    known |= {1: trial(1, {1: 0.5, 2: 0.4}, 2), 2: trial(2, {1: 0.5, 2: 0.6}, 2)}
    assert due(range(5), rungs, known) == ([4], 1)
    known |= {4: trial(4, {1: 0.5, 2: 0.1}, 2)}
    assert due(range(5), rungs, known) == ([1, 2], 2)
    # A rung is decided by what was known there: a later score, better than all, changes nobody's way.
    known |= {2: trial(2, {1: 0.5, 2: 0.6, 4: 0.9}, 3)}
    assert due(range(5), rungs, known) == ([1], 2)
    assert due(range(5), rungs, known | {1: trial(1, {1: 0.5, 2: 0.4, 4: 0.7}, 3)}) is None


def test_a_trial_that_failed_goes_on_nowhere():
    rungs = [Rung(1, 4), Rung(2, 2), Rung(4, 1)]
    known = {n: trial(n, {}, 0, "diverged") for n in (0, 1, 2)} | {3: trial(3, {1: 0.3}, 1)}
    assert due(range(4), rungs, known) == ([3], 1)
    assert due(range(4), rungs, known | {3: trial(3, {1: 0.3}, 1, "diverged")}) is None


# --- searches


@pytest.fixture
def search_for(catalog, plugin, tmp_path):
    """search_for(trials, ...) -> the study after a search of the toy method by halving, in this process."""

    def go(trials, *, path=tmp_path / "study.json", executor=None, halving=True, space=SPACE, rates=(), **changes):
        def make_spec(values):
            words = [as_set(name, value) for name, value in values.items()]
            settings = {"epochs": EPOCHS, "validate_every": 3, "batch_size": 256} | changes
            return resolve(catalog, method="toy", bits=8, sets=words, changes=settings, out=tmp_path, plugins=(plugin,))

        start = {"preset": None, "sets": [], "sampler": "named", "seed": 0, "search": space, "rates": list(rates)}
        asked = Study(method="toy", halving=halving, run=make_spec({}).identity(), **start)
        search = Search(continued(asked, path), path, make_spec, trials)
        go.last = executor or ScriptedExecutor()
        tune([search], lambda: go.last, go.said.append)
        check_scores(search)
        return search.study

    go.said = []
    return go


def told(study):
    return [one.model_copy(update={"seconds": 0.0}).model_dump_json() for one in study.trials]


def test_the_trials_of_a_study_are_stopped_at_their_rungs(search_for, tmp_path):
    study = search_for(4)
    assert [one.epochs for one in study.trials].count(1) == 2
    assert sorted(one.epochs for one in study.trials) == [1, 1, 2, 4]
    assert sorted(one.rung for one in study.trials) == [1, 1, 2, 3]
    assert study.epochs == 8 == 4 * EPOCHS / 2
    longest = max(study.trials, key=lambda one: one.epochs)
    assert list(longest.curve) == [1, 2, 3, 4]  # at its rungs, and at the protocol's interval
    assert longest.score == max(longest.curve.values()) == longest.curve[longest.epoch]
    assert study.best() is longest
    assert search_for.last.asked == ["try_setting"] * 7
    assert load_study(tmp_path / "study.json") == study
    assert not (tmp_path / ".study.json.work").exists()
    assert told(search_for(4)) == told(study)
    assert search_for.last.asked == []


def test_what_was_stopped_and_went_on_is_what_was_never_stopped(search_for, catalog, plugin, tmp_path):
    from hashbench.tuning.trial_runner import TrialRunner

    changes = {"epochs": EPOCHS, "validate_every": 3, "batch_size": 256}
    spec = resolve(
        catalog, method="toy", bits=8, sets=["dropout=0.2"], changes=changes, out=tmp_path, plugins=(plugin,)
    )
    whole = TrialRunner(spec, tmp_path / "whole", (1, 2, 4))
    whole.train()
    for rungs in [(1,), (1, 2), (1, 2, 4)]:
        runner = TrialRunner(spec, tmp_path / "parts", rungs)
        runner.train()
        assert runner.epoch_done == rungs[-1]
    assert runner.curve == whole.curve
    ours, theirs = runner.learner.state(), whole.learner.state()
    assert all(torch.equal(value, theirs["state_dict"][name]) for name, value in ours["state_dict"].items())
    assert ours["schedulers"] == theirs["schedulers"]


def test_neither_a_kill_nor_the_number_of_workers_changes_a_study(search_for, tmp_path):
    whole = search_for(5, path=tmp_path / "whole.json")
    for after in (2, 6):
        with pytest.raises(Interrupted, match="the same command goes on"):
            search_for(5, executor=ScriptedExecutor(interrupt_after=after))
        assert (tmp_path / ".study.json.work").is_dir()
    done = 6
    study = search_for(5)
    assert len(search_for.last.asked) == 5 + 3 + 2 - done - 2
    assert told(study) == told(whole)
    assert told(search_for(5, path=tmp_path / "wide.json", executor=ScriptedExecutor(workers=4))) == told(whole)


@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_trial_whose_checkpoint_is_gone_is_trained_again_to_where_it_was(search_for, tmp_path, damage):
    whole = search_for(4, path=tmp_path / "whole.json")
    with pytest.raises(Interrupted):
        search_for(4, executor=ScriptedExecutor(interrupt_after=5))
    work = tmp_path / ".study.json.work"
    kept = sorted(work.rglob("epoch_*.pth"))
    assert len(kept) == 2  # of the two that are still in; one has passed the second rung
    for path in kept:
        path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:100])
    assert told(search_for(4)) == told(whole)


def test_checkpoints_of_another_search_are_not_gone_on_from(search_for, tmp_path):
    with pytest.raises(Interrupted):
        search_for(4, executor=ScriptedExecutor(interrupt_after=5))
    shutil.copytree(tmp_path / ".study.json.work", tmp_path / ".other.json.work")
    narrow = {"alpha": {"log": [0.9, 1.1]}}
    told_apart = told(search_for(4, path=tmp_path / "clean.json", space=narrow))
    assert told(search_for(4, path=tmp_path / "other.json", space=narrow)) == told_apart


def test_a_study_put_back_to_an_earlier_state_comes_to_the_same_end(search_for, tmp_path):
    whole = search_for(4, path=tmp_path / "whole.json")
    with pytest.raises(Interrupted):
        search_for(4, executor=ScriptedExecutor(interrupt_after=4))
    earlier = (tmp_path / "study.json").read_text()
    with pytest.raises(Interrupted):
        search_for(4, executor=ScriptedExecutor(interrupt_after=2))  # the second rung
    (tmp_path / "study.json").write_text(earlier)
    assert told(search_for(4)) == told(whole)


def test_more_trials_are_a_bracket_of_their_own(search_for, tmp_path):
    first = search_for(4)
    study = search_for(8)
    assert study.brackets == [4, 4]
    assert told(study)[:4] == told(first)
    assert sorted(one.epochs for one in study.trials[4:]) == [1, 1, 2, 4]
    assert [bracket.numbers for bracket in brackets_of(study)] == [range(4), range(4, 8)]
    assert search_for(6).brackets == [4, 4]  # it has them already
    with pytest.raises(Interrupted):
        search_for(8, path=tmp_path / "new.json", executor=ScriptedExecutor(interrupt_after=3))
    with pytest.raises(UserError, match=r"8 trials compete in this study and 4 are asked for: .*--trials 8") as refused:
        search_for(4, path=tmp_path / "new.json")
    assert len(str(refused.value)) < 300


def test_few_trials_are_trained_to_the_end(search_for):
    assert [one.epochs for one in search_for(3).trials] == [EPOCHS] * 3


def test_a_trial_that_diverges_is_out_with_its_epochs(search_for):
    study = search_for(4, space={"optimizer.lr": {"log": [1e20, 1e30]}}, rates=[0.01])
    assert [one.failure is None for one in study.trials] == [True, True, False, False]
    assert study.trials[1].values == {"optimizer.lr": 0.01}
    assert all(math.isnan(one.score) and one.rung == 0 and one.epochs == 0 for one in study.trials[2:])
    assert sorted(one.epochs for one in study.trials) == [0, 0, 2, 4]
