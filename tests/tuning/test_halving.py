"""Successive halving: which trials go on, that each rung is a run of its own, and what a kill in between costs."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
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


def trial(number, *scores, failure=None):
    return Trial(number=number, values={}, scores=scores, failure=failure, score=scores[-1] if scores else math.nan)


# --- which go on


def test_halving_costs_what_half_as_many_whole_trials_cost():
    for trials, epochs in [(24, 40), (8, 4), (4, 100)]:
        assert sum(rung.entrants * rung.epochs for rung in rungs_of(trials, epochs)) == trials * epochs / 2


@pytest.mark.parametrize("trials", range(1, 12))
@pytest.mark.parametrize("epochs", range(1, 9))
def test_rungs_rise_to_all_epochs_with_fewer_trials_each(trials, epochs):
    rungs = rungs_of(trials, epochs)
    assert rungs[-1].epochs == epochs
    assert rungs[0].entrants == trials
    assert all(a.epochs < b.epochs and a.entrants > b.entrants >= 1 for a, b in pairwise(rungs))


def test_the_better_ones_go_on_and_of_equals_the_lower_number():
    rungs = [Rung(1, 5), Rung(2, 3), Rung(4, 2)]
    scores = {0: 0.2, 1: 0.5, 2: 0.5, 3: 0.1, 4: 0.5}
    known = {n: trial(n, score) for n, score in scores.items()}
    assert due(range(5), rungs, {n: known[n] for n in (0, 1, 2)}) == ([3, 4], 0)
    assert due(range(5), rungs, known) == ([1, 2, 4], 1)
    known |= {1: trial(1, 0.5, 0.4), 2: trial(2, 0.5, 0.6)}
    assert due(range(5), rungs, known) == ([4], 1)
    known |= {4: trial(4, 0.5, 0.1)}
    assert due(range(5), rungs, known) == ([1, 2], 2)
    # A rung is decided by what was known there: a later score, better than all, changes nobody's way.
    known |= {2: trial(2, 0.5, 0.6, 0.9)}
    assert due(range(5), rungs, known) == ([1], 2)
    assert due(range(5), rungs, known | {1: trial(1, 0.5, 0.4, 0.7)}) is None


def test_a_trial_that_failed_goes_on_nowhere():
    rungs = [Rung(1, 4), Rung(2, 2), Rung(4, 1)]
    known = {n: trial(n, failure="diverged") for n in (0, 1, 2)} | {3: trial(3, 0.3)}
    assert due(range(4), rungs, known) == ([3], 1)
    assert due(range(4), rungs, known | {3: trial(3, 0.3, failure="diverged")}) is None


# --- searches


@pytest.fixture
def search_for(catalog, plugin, tmp_path):
    """search_for(trials, ...) -> the study after a search of the toy method by halving, in this process."""

    def go(
        trials,
        *,
        path="study.json",
        executor=None,
        halving=True,
        space=SPACE,
        rates=(),
        start=None,
        **changes,
    ):
        """`start`: a trial whose values this search starts from."""
        own = [as_set(name, value) for name, value in start.values.items()] if start else []

        def make_spec(values):
            words = [as_set(name, value) for name, value in values.items()]
            settings = {"epochs": EPOCHS, "validate_every": 3, "batch_size": 256} | changes
            return resolve(
                catalog, method="toy", bits=8, sets=own + words, changes=settings, out=tmp_path, plugins=(plugin,)
            )

        given = {"preset": None, "sets": [], "sampler": "named", "seed": 0, "search": space, "rates": list(rates)}
        asked = Study(method="toy", halving=halving, run=make_spec({}).identity(), **given)
        path = tmp_path / path
        search = Search(continued(asked, path), path, make_spec, trials)
        go.last = executor or ScriptedExecutor()
        tune([search], lambda: go.last, go.said.append)
        check_scores(search)
        return search.study

    go.said = []
    return go


def told(study):
    return [one.model_copy(update={"seconds": 0.0}).model_dump_json() for one in study.trials]


def test_all_trials_are_short_runs_and_the_best_quarter_whole_ones(search_for, tmp_path):
    study = search_for(8)
    assert sorted(one.epochs for one in study.trials) == [1] * 6 + [1 + EPOCHS] * 2
    assert sorted(one.rung for one in study.trials) == [1] * 6 + [2] * 2
    assert study.epochs == 16 == 8 * EPOCHS / 2
    whole = [one for one in study.trials if one.rung == 2]
    short = [one for one in study.trials if one.rung == 1]
    assert min(one.scores[0] for one in whole) >= max(one.scores[0] for one in short)
    for one in whole:
        assert list(one.curve) == [3, 4]  # of the whole run, at the protocol's interval and at the end
        assert one.score == one.scores[1] == one.curve[one.epoch] == max(one.curve.values())
    assert all((list(one.curve), one.score) == ([1], one.scores[0]) for one in short)
    assert search_for.last.asked == ["try_setting"] * 10
    assert load_study(tmp_path / "study.json") == study
    assert not (tmp_path / ".study.json.work").exists()
    assert told(search_for(8)) == told(study)
    assert search_for.last.asked == []


def test_a_rung_is_a_run_with_a_schedule_of_its_length(search_for):
    """Of a trial that goes on, both scores are those of runs that had these epochs from the start."""
    study = search_for(4)
    (longest,) = [one for one in study.trials if one.rung == 2]
    alone = {}
    for epochs in (1, EPOCHS):
        of_length = search_for(1, path=f"alone{epochs}.json", epochs=epochs, halving=False, rates=(), start=longest)
        alone[epochs] = of_length.trials[0].score
    assert list(alone.values()) == longest.scores


def test_neither_a_kill_nor_the_number_of_workers_changes_a_study(search_for, tmp_path):
    whole = search_for(5, path="whole.json")
    for after in (2, 4):
        with pytest.raises(Interrupted, match="the same command goes on"):
            search_for(5, executor=ScriptedExecutor(interrupt_after=after))
    study = search_for(5)
    assert len(search_for.last.asked) == 5 + 2 - 2 - 4
    assert told(study) == told(whole)
    assert told(search_for(5, path="wide.json", executor=ScriptedExecutor(workers=4))) == told(whole)


def test_a_study_put_back_to_an_earlier_state_comes_to_the_same_end(search_for, tmp_path):
    whole = search_for(8, path="whole.json")
    with pytest.raises(Interrupted):
        search_for(8, executor=ScriptedExecutor(interrupt_after=8))
    earlier = (tmp_path / "study.json").read_text()
    with pytest.raises(Interrupted):
        search_for(8, executor=ScriptedExecutor(interrupt_after=1))  # on the second rung
    (tmp_path / "study.json").write_text(earlier)
    assert told(search_for(8)) == told(whole)


def test_more_trials_are_a_bracket_of_their_own(search_for, tmp_path):
    first = search_for(4)
    study = search_for(8)
    assert study.brackets == [4, 4]
    assert told(study)[:4] == told(first)
    assert sorted(one.epochs for one in study.trials[4:]) == [1, 1, 1, 5]
    assert [bracket.numbers for bracket in brackets_of(study)] == [range(4), range(4, 8)]
    assert search_for(6).brackets == [4, 4]  # it has them already
    with pytest.raises(Interrupted):
        search_for(8, path="new.json", executor=ScriptedExecutor(interrupt_after=3))
    with pytest.raises(UserError, match=r"8 trials compete in this study and 4 are asked for: .*--trials 8") as refused:
        search_for(4, path="new.json")
    assert len(str(refused.value)) < 300


def test_few_trials_are_trained_to_the_end(search_for):
    assert [one.epochs for one in search_for(3).trials] == [EPOCHS] * 3


def test_a_trial_that_diverges_is_out_with_its_epochs(search_for):
    study = search_for(4, space={"optimizer.lr": {"log": [1e20, 1e30]}}, rates=[0.01])
    assert [one.failure is None for one in study.trials] == [True, True, False, False]
    assert study.trials[1].values == {"optimizer.lr": 0.01}
    assert all(math.isnan(one.score) and one.rung == 0 and one.epochs == 0 for one in study.trials[2:])
    assert sorted(one.epochs for one in study.trials) == [0, 0, 1, 5]
