"""One call tunes many methods at many lengths, one command uses what was found, and what is shipped is a preset."""

from __future__ import annotations

import json
import shlex

import pytest

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.errors import UserError
from hashbench.tuning.study import load_study

REGISTRY = """
methods:
  free:
    class: toy_methods:Toy
    kind: deep
    search: {alpha: {log: [0.5, 2.0]}}
    presets: {strong: {alpha: 2.0}}
  bare: {class: toy_methods:Toy, kind: deep}
  fitted: {class: toy_methods:ToyShallow, kind: shallow}
  refusing: {class: refusing_method:Refusing, kind: shallow, search: {width: {uniform: [0, 1]}}}
protocols:
  short:
    version: 1
    dataset: digits
    split: {fractions: {test: 0.2, validation: 0.1}}
    backbone: identity
    epochs: 4
    batch_size: 512
    validate_every: 4
    optimizer: {type: Adam, lr: 0.003}
    rates: [0.01, 0.003, 0.001]
"""

METHOD = """
from toy_methods import ToyShallow

class Refusing(ToyShallow):
    def __init__(self, bits=8, random_state=None, width=0.5):
        super().__init__(bits, random_state)
        self.width = width

    def _fit(self, X, y):
        raise ValueError("not with so many bits")
"""


@pytest.fixture
def folder(plugin, tmp_path):
    """Of a plugin with a short protocol, which owns the optimizer, and methods that leave it so."""
    place = tmp_path / "short"
    place.mkdir()
    (place / "registry.yaml").write_text(REGISTRY)
    (place / "refusing_method.py").write_text(METHOD)
    return place


@pytest.fixture
def short(cli, folder):
    def call(command, *words):
        return cli(command, *words, "--plugin", folder, "--executor", "inline")

    return call


def studies(root):
    return {str(path.relative_to(root)): load_study(path) for path in sorted(root.rglob("*.json"))}


def test_methods_and_lengths_are_tuned_in_one_call_and_used_by_one_command(short, tmp_path):
    words = ("free@strong,bare", "--protocol", "short", "--bits", "8,12", "--trials", "4", "--out", "found")
    code, out, err = short("tune", *words)
    assert code == 0, err
    found = studies(tmp_path / "found")
    names = ["bare", "free@strong"]
    assert sorted(found) == sorted(f"short/{name}-{bits}bit.json" for name in names for bits in (8, 12))
    for study in found.values():
        # The defaults, then the protocol's other rates in order, then draws; 4 trials cost 2 whole ones.
        assert [one.values for one in study.trials[:3]] == [{}, {"optimizer.lr": 0.01}, {"optimizer.lr": 0.001}]
        assert study.search["optimizer.lr"] == {"log": [0.001, 0.01]}
        assert sorted(one.epochs for one in study.trials) == [1, 1, 1, 5]
    assert "4 trials, 8 epochs = 2 whole runs" in out
    command = out.splitlines()[-1]
    assert "--methods free@strong,bare --bits 8,12 --seeds 0-2 --protocols short --tuned found" in command
    assert err.count("[20/20]") == 1
    code, _, err = short("tune", *words)
    assert code == 0
    assert "[" not in err  # nothing was left to do
    code, out, err = short(*shlex.split(command.replace("--seeds 0-2", "--seeds 0"))[1:-2])
    assert code == 0, err
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").rglob("result.json")]
    assert len(records) == 4
    for record in records:
        start = record["preset"].partition("+")[0]
        name = record["method"] if start == "default" else f"{record['method']}@{start}"
        best = found[f"short/{name}-{record['bits']}bit.json"].best()
        assert record["trials"] == 4
        assert record["hparams"]["optimizer"]["lr"] == best.values.get("optimizer.lr", 0.003)
        assert record["hparams"]["alpha"] == best.values.get("alpha", 2.0 if start == "strong" else 1.0)


def test_a_study_that_is_refused_does_not_keep_the_others_from_being_done(short, tmp_path):
    code, out, err = short(
        "tune", "refusing,bare", "--protocol", "short", "--bits", "8", "--trials", "2", "--out", "found"
    )
    assert code == 1, err
    assert list(studies(tmp_path / "found")) == ["short/bare-8bit.json"]
    assert "bare, 8 bits" in out
    assert "--methods bare --bits 8" in out
    assert err.splitlines()[-1].startswith("refusing, 8 bits: ")
    assert "not with so many bits" in err.splitlines()[-1]


def test_all_are_those_with_something_to_search(short, monkeypatch):
    asked = []

    def look(searches, *_):
        asked.extend(search.study.name for search in searches)
        raise UserError("seen")

    monkeypatch.setattr("hashbench.tuning.tune.tune", look)
    _, _, err = short("tune", "all", "--protocol", "short", "--bits", "8", "--trials", "2")
    assert {"free", "bare", "csq", "itq"} <= set(asked)
    without = next(line for line in err.splitlines() if line.startswith("no search space: "))
    assert "fitted" in without
    assert "fitted" not in asked


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("free,bare", "--out", "one.json"), "--out one.json: 2 studies are asked for: name a folder"),
        (
            ("free@strong", "--preset", "strong"),
            "free@strong and --preset strong: where the search starts is said twice",
        ),
        (("fitted", "--halving"), "method fitted has no hyper-parameters: there is nothing to tune"),
        (("itq", "--halving"), "--halving: method itq is fitted in one go"),
        (("free,fitted",), "method fitted has no hyper-parameters: there is nothing to tune"),
        (("free", "--bits", "8-"), "--bits"),
        (("free", "--search", "optimizer.lr=log 1 0.1"), "lower one first"),
    ],
)
def test_wrong_requests_are_one_line(short, words, match):
    code, _, err = short("tune", *words, "--protocol", "short")
    assert code == 2
    assert match in err
    assert len(err.strip().splitlines()) == 1


def test_a_rate_that_the_user_searches_is_not_the_protocols(short, tmp_path):
    words = ("--protocol", "short", "--bits", "8", "--trials", "2", "--no-halving", "--out", "s.json")
    code, _, err = short("tune", "bare", *words, "--search", "optimizer.lr=log 0.1 0.2")
    assert code == 0, err
    study = load_study(tmp_path / "s.json")
    assert study.rates == []
    assert 0.1 <= study.trials[1].values["optimizer.lr"] <= 0.2
    assert [one.epochs for one in study.trials] == [4, 4]


# --- shipped


@pytest.fixture
def shipped(short, folder, tmp_path):
    """A study of `bare` with 8 bits beside the registry.yaml that names it."""
    code, _, err = short(
        "tune", "bare", "--protocol", "short", "--bits", "8", "--trials", "4", "--out", folder / "studies"
    )
    assert code == 0, err
    return load_study(folder / "studies" / "short" / "bare-8bit.json")


def test_a_shipped_study_is_a_preset_and_the_run_that_the_file_gives(short, cli, folder, shipped, tmp_path):
    words = ("--protocols", "short", "--bits", "8", "--seeds", "0")
    code, _, err = short("sweep", "--methods", "bare@tuned", *words)
    assert code == 0, err
    code, out, _ = short("sweep", "--methods", "bare", "--tuned", folder / "studies", *words)
    assert out.startswith("0 done, 1 finished before")
    code, out, _ = short("sweep", "--methods", "bare@short-8bit-4trials", *words)
    assert out.startswith("0 done, 1 finished before")
    (path,) = (tmp_path / "runs").rglob("result.json")
    record = json.loads(path.read_text())
    assert record["trials"] == 4
    assert record["preset"].startswith("default+tuned4")
    code, out, _ = cli("show", "bare", "--plugin", folder)
    assert (
        f"--preset tuned: 8 bits under short (version 1), best of 4 trials on validation, {shipped.best().score:.4f}"
        in out
    )
    assert "also short-8bit-4trials" in out
    code, out, err = cli("run", "--config", path.parent / "config.py", "--plugin", folder, "--resume")
    assert code == 0, err
    assert "finished earlier" in out


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        ({"bits": 16}, "no preset 'tuned' for 16 bits under short. There are: short-8bit-4trials (version 1)"),
        ({"protocol": "digits"}, "no preset 'tuned' for 8 bits under digits. There are: short-8bit-4trials"),
        ({"changes": {"epochs": 9}}, "found under short as it is, and this run has another epochs"),
        ({"sets": ["protocol.version=2"]}, "found under version 1 of short, and this run is of version 2"),
        ({"sets": ["alpha=2"]}, "--set alpha: the hyper-parameters come from preset tuned"),
        ({"method": "free"}, "no preset 'tuned' for 8 bits under short. None is shipped"),
        (
            {"preset": "short-8bit-5trials"},
            "no preset 'short-8bit-5trials' for 8 bits under short. There are: short-8bit",
        ),
    ],
)
def test_elsewhere_it_is_refused_in_one_line(folder, shipped, tmp_path, request_, match):
    catalog = load_catalog([folder], folder=tmp_path)
    asked = {"method": "bare", "preset": "tuned", "protocol": "short", "bits": 8, "out": tmp_path} | request_
    with pytest.raises(UserError) as refused:
        resolve(catalog, **asked)
    assert match in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) <= 300


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"run": 3}', '{"trials": [], "run": {}}'])
def test_a_shipped_study_that_cannot_be_read_is_named(folder, tmp_path, content):
    place = folder / "studies" / "short"
    place.mkdir(parents=True)
    (place / "bare-8bit.json").write_text(content)
    catalog = load_catalog([folder], folder=tmp_path)
    with pytest.raises(UserError, match=r"bare-8bit\.json: a shipped study that cannot be read"):
        resolve(catalog, method="bare", preset="tuned", protocol="short", bits=8, out=tmp_path)
    assert resolve(catalog, method="bare", protocol="short", bits=8, out=tmp_path).trials == 0
