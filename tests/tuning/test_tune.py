"""Tuning tries settings on validation only, draws by name, goes on after a kill, and marks what it found."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
import sys

import pytest
from scripted_executor import ScriptedExecutor

from hashbench.catalog import load_catalog
from hashbench.catalog.request import parse_sets, resolve
from hashbench.catalog.set_words import as_set
from hashbench.errors import Interrupted, RunFailedError, UserError
from hashbench.tuning.samplers import LearningSettings
from hashbench.tuning.search_space import draw_one, whole_numbers, with_changes
from hashbench.tuning.settings import NamedSettings
from hashbench.tuning.study import Study, Trial, continued, load_study
from hashbench.tuning.tune import tune
from hashbench.tuning.under_way import Search

SPACE = {"alpha": {"log": [0.1, 10.0]}, "kind": {"choice": ["a", "b", "c"]}, "share": {"uniform": [2.0, 3.0]}}
RECIPE = {"optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9}, "schedule": {"type": "cosine"}}
RUN = {
    "protocol": "digits", "preset": "default", "bits": 32, "seed": 0, "settings": {"primary": "map", "epochs": 4}, "hparams": {},
    "optimizer": {}, "schedule": {},
}  # fmt: skip
TOY = {"alpha": {"log": [0.5, 2.0]}, "optimizer.lr": {"uniform": [0.01, 0.1]}}


# --- draws and spaces


def draw(space, seed, method, number):
    """The values of a trial: {} for trial 0."""
    return {name: draw_one(entry, seed, method, name, number) for name, entry in space.items()} if number else {}


def test_draws_are_named_by_method_and_hyper_parameter():
    assert draw(SPACE, 0, "m", 0) == {}
    drawn = [draw(SPACE, 0, "m", number) for number in range(1, 200)]
    assert all(0.1 <= d["alpha"] <= 10 and 2 <= d["share"] <= 3 for d in drawn)
    assert {d["kind"] for d in drawn} == {"a", "b", "c"}
    assert 0.3 < sum(d["alpha"] < 1 for d in drawn) / len(drawn) < 0.7
    more = {**SPACE, "new": {"uniform": [0.0, 1.0]}}
    assert {k: v for k, v in draw(more, 0, "m", 5).items() if k != "new"} == drawn[4]
    assert draw(SPACE, 0, "other", 5) != drawn[4]
    assert draw(SPACE, 1, "m", 5) != drawn[4]
    with pytest.raises(UserError, match="normal"):
        draw({"alpha": {"normal": [0, 1]}}, 0, "m", 1)


def test_rounding_stays_within_the_limits():
    narrow = {"uniform": [0.123451, 0.123454]}
    assert all(0.123451 <= draw_one(narrow, 0, "m", "x", number) <= 0.123454 for number in range(20))


def learning(space, defaults, seed=0, whole=(), known=None, sampler="tpe"):
    study = Study(method="m", preset=None, sets=[], sampler=sampler, seed=seed, search=space, run=RUN)
    if sampler == "named":
        return NamedSettings(study, whole)
    return LearningSettings(study, defaults, whole, known)


def test_named_settings_are_the_named_draws():
    settings = learning(SPACE, {"alpha": 1.0}, seed=3, sampler="named")
    assert [settings.draw(number) for number in range(6)] == [draw(SPACE, 3, "m", number) for number in range(6)]


def test_named_draws_import_no_optuna():
    code = "import sys, hashbench.tuning.tune_method, hashbench.tuning.settings; print('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_whole_numbers_are_drawn_with_both_limits_and_the_share_that_the_kind_says():
    drawn = [draw_one({"uniform": [3, 7]}, 0, "m", "x", number, whole=True) for number in range(2000)]
    assert all(type(value) is int for value in drawn)
    assert all(0.15 < drawn.count(value) / 2000 < 0.25 for value in range(3, 8))
    assert set(drawn) == set(range(3, 8))
    logs = [draw_one({"log": [1, 1000]}, 0, "m", "x", number, whole=True) for number in range(2000)]
    assert all(type(value) is int and 1 <= value <= 1000 for value in logs)
    span = math.log(1000.5 / 0.5)
    for low, high in [(1, 1), (2, 9), (10, 99), (100, 1000)]:
        share = sum(low <= value <= high for value in logs) / 2000
        assert share == pytest.approx(math.log((high + 0.5) / (low - 0.5)) / span, abs=0.04)
    huge = draw_one({"uniform": [2.0**60, 2.0**61]}, 0, "m", "x", 1, whole=True)
    assert 2**60 <= huge <= 2**61


@pytest.mark.parametrize("sampler", ["named", "tpe"])
def test_both_samplers_draw_whole_numbers_and_go_on_with_them(sampler):
    space = {"m": {"uniform": [20, 60]}, "n": {"log": [1, 500]}, "x": {"uniform": [0, 1]}}
    defaults, whole = {"m": 30, "n": None, "x": 0.5}, {"m", "n"}
    first, trials = learning(space, defaults, 1, whole, sampler=sampler), []
    for number in range(14):
        values = first.draw(number)
        trials.append(Trial(number=number, values=values, score=1 - abs(values.get("m", 30) - 41) / 60))
        first.learn(trials[-1])
    assert all(type(t.values["m"]) is type(t.values["n"]) is int for t in trials[1:])
    assert all(20 <= t.values["m"] <= 60 and 1 <= t.values["n"] <= 500 for t in trials[1:])
    assert any(t.values["x"] % 1 for t in trials[1:])
    old = trials[1].model_copy(update={"values": {**trials[1].values, "m": 33.25}, "score": math.nan})
    before = [trials[0], old, *trials[2:13]]  # a study from when all draws were real numbers
    known = {trial.number: Trial.model_validate_json(trial.model_dump_json()) for trial in before}
    values = learning(space, defaults, 1, whole, known, sampler).draw(13)
    assert type(values["m"]) is int
    assert sampler == "tpe" or values == trials[13].values


def test_what_is_a_whole_number_is_what_is_declared_so():
    catalog, types = load_catalog(), {"optimizer": "StoRM", "schedule": "step"}

    def whole(method, *words):
        space = with_changes(catalog, method, words, RECIPE)
        return whole_numbers(catalog, method, space, types) & {word.partition("=")[0] for word in words}

    assert whole("agh1", "anchors=uniform 20 60", "nearest=log 2.0 9") == {"anchors", "nearest"}
    assert whole("ksh", "labelled=log 50 500", "ridge=log 1 2") == {"labelled"}  # int | None; float
    assert whole("sdh", "sigma=uniform 1 3", "lam=uniform 1 3", "sweeps=choice 1 2") == set()
    optimizer = ("optimizer.initial_batches=uniform 1 8", "optimizer.lr=uniform 1 8", "schedule.steps=uniform 2 9")
    assert whole("dualhash_storm", *optimizer) == {"optimizer.initial_batches", "schedule.steps"}
    types = {"optimizer": "StoM", "schedule": "cosine"}
    assert whole("dualhash_storm", *optimizer, "optimizer.type=choice StoM StoRM") == {"optimizer.initial_batches"}
    with pytest.raises(UserError, match=r"anchors is a whole number: uniform needs whole limits, got 20\.5 60"):
        whole("agh1", "anchors=uniform 20.5 60")


def test_without_a_declaration_whole_limits_and_a_whole_default_decide(catalog):
    words = ("kill_at=uniform -5 -1", "alpha=uniform 1 2")
    space = with_changes(catalog, "toy", words, RECIPE)
    assert whole_numbers(catalog, "toy", space, {}) == {"kill_at"}
    space = with_changes(catalog, "toy", ("kill_at=uniform -5.5 -1",), RECIPE)
    assert whole_numbers(catalog, "toy", space, {}) == set()


def test_the_defaults_come_first_also_where_they_lie_outside_the_space():
    settings = learning(SPACE, {"alpha": 50.0, "kind": "b", "share": 2.5})
    assert settings.draw(0) == {}
    assert settings._optuna.trials[0].params == {"kind": "b", "share": 2.5}


def test_a_search_that_is_rebuilt_asks_what_it_would_have_asked():
    def score(number, values):
        return math.nan if number == 3 else 1 / (1 + abs(math.log(values.get("alpha", 1.0))))

    defaults = {"alpha": 1.0, "kind": "a"}
    whole, trials = learning(SPACE, defaults), []
    for number in range(14):
        values = whole.draw(number)
        trials.append(Trial(number=number, values=values, score=score(number, values)))
        whole.learn(trials[-1])
    known = {trial.number: Trial.model_validate_json(trial.model_dump_json()) for trial in trials[:12]}
    assert learning(SPACE, defaults, known=known).draw(12) == trials[12].values
    assert len({trial.values["alpha"] for trial in trials[1:]}) == 13


def test_search_words_replace_and_add(catalog):
    entry = catalog.method("toy").model_copy(update={"search": {"alpha": {"log": [1.0, 2.0]}}})
    catalog.methods["toy"] = entry
    space = with_changes(
        catalog,
        "toy",
        [
            "alpha=uniform 0 1e-1",
            "optimizer.type=choice SGD Adam",
            "kill_at=choice -1 5",
            "optimizer.nesterov=choice true false",
        ],
        RECIPE,
    )
    assert space == {
        "alpha": {"uniform": [0, 0.1]},
        "optimizer.type": {"choice": ["SGD", "Adam"]},
        "kill_at": {"choice": [-1, 5]},
        "optimizer.nesterov": {"choice": [True, False]},
    }


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ("alpah=log 1 2", "Did you mean alpha"),
        ("alpha=normal 1 2", "expected 'KEY=log"),
        ("alpha", "expected 'KEY=log"),
        ("=log 1 2", "expected 'KEY=log"),
        ("alpha=log 0 1", "above 0"),
        ("alpha=log 2 1", "lower one first"),
        ("alpha=uniform 1", "two numbers"),
        ("alpha=uniform a b", "--search alpha=a: expected a number, such as 1.0; this is a word"),
        ("alpha=choice 1 b", "--search alpha=b: expected a number, such as 1.0; this is a word"),
        ("optimizer.nesterov=uniform a b", "two numbers"),
        ("alpha=uniform 0 .inf", "--search 'alpha=.inf': expected a finite number"),
        ("alpha=choice", "at least one"),
    ],
)
def test_wrong_search_words_are_one_line(catalog, words, match):
    with pytest.raises(UserError, match=match) as refused:
        with_changes(catalog, "toy", [words], RECIPE)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [0.1, 1e-05, 3, True, False, None, "soft", "true story"])
def test_values_come_back_from_set_words(value):
    assert parse_sets([as_set("key", value)]) == {"key": value}


# --- studies


@pytest.fixture
def search_for(catalog, plugin, tmp_path):
    """search_for(trials, method, space, retry) -> Study, within this process; what was asked of the executor in .asked."""

    def go(trials, method="toy", space=TOY, path=None, executor=None, sets=()):
        def make_spec(values):
            words = [*sets, *(as_set(name, value) for name, value in values.items())]
            changes = {"epochs": 1}
            return resolve(catalog, method=method, bits=8, sets=words, changes=changes, out=tmp_path, plugins=(plugin,))

        path = path or tmp_path / "study.json"
        start = Study(
            method=method, preset=None, sets=[], sampler="named", seed=0, search=space, run=make_spec({}).identity()
        )
        study = continued(start, path)
        tune([Search(study, path, make_spec, trials)], lambda: executor or ScriptedExecutor(), go.said.append)
        return study

    go.said = []
    return go


def settings(study):
    return [(trial.number, trial.values, trial.score, trial.failure) for trial in study.trials]


def test_a_killed_search_goes_on_where_it_was(search_for, tmp_path):
    whole = search_for(4, path=tmp_path / "whole.json")
    assert [trial.number for trial in whole.trials] == [0, 1, 2, 3]
    assert whole.trials[0].values == {}
    assert all(0.1 < trial.score <= 1 and trial.epoch == 1 for trial in whole.trials)
    with pytest.raises(Interrupted, match=r"2 trials are kept in .*study.json; the same command goes on"):
        search_for(4, executor=ScriptedExecutor(interrupt_after=2))
    rest = ScriptedExecutor()
    study = search_for(4, executor=rest)
    assert rest.asked == ["try_setting"] * 2
    assert settings(study) == settings(whole) == settings(load_study(tmp_path / "study.json"))
    nothing = ScriptedExecutor()
    assert settings(search_for(4, executor=nothing)) == settings(whole)
    assert nothing.asked == []
    assert len(search_for(5).trials) == 5
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) in (
        [".study.json.lock", ".whole.json.lock"],
        [],  # where locks are removed
    )


def test_the_test_queries_stay_sealed(search_for, monkeypatch):
    from hashbench.protocol import Roles

    monkeypatch.setattr(Roles, "unseal", lambda *_: pytest.fail("unsealed"))
    assert search_for(1).trials[0].score > 0.1


def test_settings_that_diverge_are_failed_trials(search_for):
    study = search_for(3, space={"optimizer.lr": {"log": [1e20, 1e30]}})
    assert study.trials[0].failure is None
    assert all("loss is" in trial.failure and math.isnan(trial.score) for trial in study.trials[1:])
    assert study.best().number == 0
    assert "loss is" in search_for.said[-1]


def test_a_refused_setting_is_a_failed_trial_and_a_refused_request_is_none(search_for, tmp_path):
    study = search_for(2, space={"optimizer.type": {"choice": ["Sgdd"]}})
    assert "Sgdd" in study.trials[1].failure
    with pytest.raises(UserError, match="no optimizer 'Sgdd'"):
        search_for(2, path=tmp_path / "other.json", sets=["optimizer.type=Sgdd"])
    assert not (tmp_path / "other.json").exists()


def test_a_trial_whose_process_dies_is_tried_again_and_then_lost_not_failed(search_for):
    assert len(search_for(1, executor=ScriptedExecutor(deaths=1)).trials) == 1
    with pytest.raises(RunFailedError, match=r"1 trials were lost: trial 1: .*SIGKILL.*the same command goes on"):
        search_for(2, executor=ScriptedExecutor(deaths=2))
    assert [trial.number for trial in search_for(2).trials] == [0, 1]


def test_one_process_at_a_time(search_for, tmp_path):
    import filelock

    with filelock.FileLock(tmp_path / ".study.json.lock"), pytest.raises(UserError, match="in use by another process"):
        search_for(1)


def test_options_that_a_swap_drops_are_told(search_for):
    search_for(1, sets=["optimizer.type=Adam"])
    assert any(line.startswith("warning: ") and "momentum" in line for line in search_for.said), search_for.said


def test_another_study_in_the_file_is_refused(search_for):
    search_for(1)
    with pytest.raises(UserError, match=r"another study: search.alpha"):
        search_for(1, space={"alpha": {"log": [0.5, 3.0]}})
    with pytest.raises(UserError, match=r"another study: .*method was 'toy', now 'toy_diverging'"):
        search_for(1, method="toy_diverging", space={"optimizer.lr": {"log": [0.1, 1.0]}})


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"study": 1, "trials": 3}'])
def test_what_is_no_study_is_named(tmp_path, content):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"study\.json: not a study") as refused:
        load_study(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match=r"missing\.json: cannot be read"):
        load_study(tmp_path / "missing.json")


# --- the commands


@pytest.fixture
def cli(cli, plugin):
    """As everywhere, with the toy methods."""

    def call(*words):
        return cli(*words, *(() if "--plugin" in words else ("--plugin", plugin)))

    return call


TUNE = ("tune", "toy", "--search", "alpha=log 0.5 2", "--bits", "8", "--epochs", "1", "--batch-size", "256")
TUNE += ("--executor", "inline")


def test_what_was_found_is_run_and_marked(cli, tmp_path):
    code, out, err = cli(*TUNE, "--trials", "3", "--set", "protocol.topk=[50]", "--set", "dropout=0.1")
    assert code == 0, err
    study = load_study(tmp_path / "studies" / "digits" / "toy-8bit.json")
    assert len(study.trials) == 3
    assert f"best of 3 trials on validation {study.best().score:.4f}" in out
    run = next(line for line in out.splitlines() if line.startswith("hashbench run "))
    assert "--epochs 1 --batch-size 256" in run
    assert "'protocol.topk=[50]'" in run
    assert "dropout" not in run  # it is in the study
    code, _, err = cli(*shlex.split(run)[1:])
    assert code == 0, err
    (path,) = (tmp_path / "runs").rglob("result.json")
    record = json.loads(path.read_text())
    assert record["trials"] == 3
    assert record["hparams"]["dropout"] == 0.1
    assert record["hparams"]["alpha"] == study.best().values.get("alpha", 1.0)
    assert "+tuned3" in record["preset"]
    code, out, _ = cli(*shlex.split(run)[1:], "--resume")
    assert code == 0
    assert "finished earlier" in out


def test_a_sweep_takes_a_study_for_its_method_only(cli, tmp_path):
    cli(*TUNE, "--trials", "1", "--out", "found.json")
    sweep = ("sweep", "--bits", "8", "--seeds", "0", "--epochs", "1", "--executor", "inline")
    sweep += ("--batch-size", "256")
    code, out, err = cli(*sweep, "--methods", "toy", "--tuned", "found.json")
    assert code == 0, err
    assert [json.loads(p.read_text())["trials"] for p in (tmp_path / "runs").rglob("result.json")] == [1]
    code, out, _ = cli(*sweep, "--methods", "toy", "--tuned", "found.json")
    assert out.startswith("0 done, 1 finished before")
    (tmp_path / "copy.json").write_text((tmp_path / "found.json").read_text())
    older = json.loads((tmp_path / "found.json").read_text())
    older["run"]["settings"]["version"] -= 1
    (tmp_path / "older.json").write_text(json.dumps(older))
    there = "There are: toy with 8 bits under digits. Tune it, or run it without --tuned"
    for words, match in [
        (
            ("--methods", "toy,toy_shallow", "--tuned", "found.json"),
            f"found.json: no study of toy_shallow with 8 bits under digits. {there}",
        ),
        (
            ("--methods", "toy@strong", "--tuned", "found.json"),
            f"no study of toy@strong with 8 bits under digits. {there}",
        ),
        (
            ("--methods", "toy", "--bits", "16", "--tuned", "found.json"),
            f"no study of toy with 16 bits under digits. {there}",
        ),
        (
            ("--methods", "toy", "--protocols", "cifar10-54k", "--tuned", "found.json"),
            f"no study of toy with 8 bits under cifar10-54k. {there}",
        ),
        (("--methods", "toy", "--tuned", "found.json", "--tuned", "copy.json"), "two studies of toy"),
        (("--methods", "toy", "--tuned", "found.json", "--epochs", "2"), "its epochs is not that of this run"),
        (("--methods", "toy", "--tuned", "older.json"), "a study of version 1 of digits, and this run is of version 2"),
        (("--methods", "toy", "--tuned", "found.json", "--set", "alpha=1"), "come from --tuned found.json"),
        (("--methods", "toy", "--retry", "-1"), "--retry -1"),
        (("--methods", "toy", "--jobs", "0"), "--jobs 0"),
        (("--methods", "toy", "--seeds", "3-1"), "expected whole numbers"),
    ]:
        code, _, err = cli(*sweep, *words)
        assert code == 2
        assert match in err.strip()
        assert len(err.strip().splitlines()) == 1


def test_wrong_requests_are_one_line(cli, tmp_path, monkeypatch):
    empty = Study(method="toy", preset=None, sets=[], sampler="named", seed=0, search=TOY, run=RUN)
    empty.save(tmp_path / "empty.json")
    for words, match in [
        ((*TUNE, "--trials", "0"), "--trials 0"),
        ((*TUNE, "--sampler", "tpo"), "Did you mean tpe"),
        ((*TUNE, "--search", "alhpa=log 1 2"), "Did you mean alpha"),
        ((*TUNE, "--executor", "slurm"), "--executor slurm"),
        (("tune", "toy"), "no search space"),
        (("tune", "features"), "method features has no hyper-parameters: there is nothing to tune"),
        (("run", "--method", "toy", "--tuned", "empty.json"), "no trial of toy has a score (0 were tried)"),
        (("run", "--method", "toy", "--tuned", "none.json"), "none.json: cannot be read"),
    ]:
        code, _, err = cli(*words)
        assert code == 2, err
        assert match in err
        assert len(err.strip().splitlines()) == 1
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "hashbench.tuning.samplers")
    code, _, err = cli(*TUNE, "--sampler", "tpe")
    assert code == 2
    assert err.strip() == 'error: --sampler tpe: Optuna is not installed here: pip install "hashbench[tune]"'


def test_a_metric_of_which_less_is_better_is_not_tuned_by(cli, plugin, tmp_path):
    words = (
        "--set",
        "protocol.primary=quantization_error",
        "--search",
        "alpha=log 0.5 2.0",
        "--out",
        tmp_path / "study.json",
    )
    code, _, err = cli("tune", "toy", "--trials", "2", "--plugin", plugin, *words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "less of 'quantization_error' is better" in err
    assert not (tmp_path / "study.json").exists()


def test_a_whole_number_is_searched_like_any_other(cli, tmp_path):
    words = ("tune", "agh1", "--protocol", "digits", "--bits", "4", "--trials", "3", "--executor", "inline")
    code, out, err = cli(*words, "--search", "anchors=uniform 20 60", "--search", "nearest=log 2 4")
    assert code == 0, err
    study = load_study(tmp_path / "studies" / "digits" / "agh1-4bit.json")
    assert all(trial.failure is None for trial in study.trials)
    assert all(type(one.values[name]) is int for one in study.trials[1:] for name in ("anchors", "nearest"))
    assert "best of 3 trials on validation" in out


def test_a_search_in_which_only_the_defaults_have_a_score_has_failed(cli):
    words = ("tune", "agh1", "--protocol", "digits", "--bits", "4", "--executor", "inline", "--out", "s.json")
    code, out, err = cli(*words, "--search", "nearest=choice 0", "--trials", "3")
    assert code == 1
    assert "all 2 settings that were drawn failed, only the defaults have a score (0." in err
    assert "hashbench run" not in out
    code, out, err = cli(*words[:-1], "t.json", "--search", "nearest=choice 0 0 2", "--trials", "6")
    assert code == 0
    assert re.search(r"best of 6 trials, \d of which failed, on validation", out)
