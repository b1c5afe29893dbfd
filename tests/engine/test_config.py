"""Configs: config.py of a run gives that run again; those that people write are merged, completed, labelled, refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from mmengine.config import Config

from hashbench.catalog.request import resolve
from hashbench.engine.config import config_values, read_config
from hashbench.engine.run import run
from hashbench.engine.runner import HashRunner
from hashbench.errors import Interrupted, UserError


@pytest.fixture
def read(catalog, tmp_path):
    """read(text, name) -> the RunSpec of a file with this text."""

    def go(text, name="mine.py"):
        (tmp_path / name).write_text(text if isinstance(text, str) else json.dumps(text))
        return read_config(tmp_path / name, catalog, out=tmp_path / "runs")

    return go


@pytest.fixture
def spec(catalog, tmp_path):
    return lambda **words: resolve(catalog, **{"method": "toy", "out": tmp_path / "runs", **words})


REQUESTS = {
    "default": {},
    "shallow": {"method": "toy_shallow", "bits": 8, "seed": 3},
    "preset": {"preset": "strong"},
    "set": {"sets": ["alpha=0.5", "optimizer.lr=0.3"]},
    "set to the default": {"sets": ["alpha=1.0", "optimizer.lr=0.3"]},
    "preset and set": {"preset": "strong", "sets": ["dropout=0.1"]},
    "other optimizer": {"sets": ["optimizer.type=Adam", "schedule.type=step"]},
    "null": {"method": "dualhash_stom", "sets": ["alpha="]},
    "tuned": {"trials": 20, "sets": ["alpha=0.25"]},
    "protocol": {"changes": {"epochs": 3, "patience": 2}, "sets": ["protocol.hidden=[8]"]},
    "data set": {"dataset": "cifar10", "backbone": "resnet18", "sets": ["protocol.image_size="]},
    "features": {"protocol": "features", "weights": Path("w.pth"), "compile": True, "channels_last": True},
    "layout": {"channels_last": False},
    "hooks": {"custom_hooks": ({"type": "EMAHook", "momentum": 0.1},), "sets": ["alpha=3"]},
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("form", ["py", "json", "yaml"])
def test_config_of_a_run_gives_the_same_run(spec, read, request_name, form):
    first = spec(**REQUESTS[request_name])
    values = config_values(first)
    text = {
        "py": lambda: Config(values).pretty_text,
        "json": lambda: json.dumps(values),
        "yaml": lambda: yaml.safe_dump(values),
    }
    again = read(text[form](), f"config.{form}")
    assert again.identity() == first.identity()
    assert again.changed == first.changed
    assert again.channels_last is first.channels_last


def test_config_of_an_earlier_version_is_still_read(spec, read):
    first = spec(sets=["alpha=0.5"])
    old = {
        "run": first.identity(),
        "train_cfg": {"type": "DeepTrainLoop", "max_epochs": 20, "val_interval": 2},
        "val_cfg": {"type": "RetrievalValLoop"},
    }
    assert read(Config(old).pretty_text).identity() == first.identity()
    old["train_cfg"]["max_epochs"] = 3
    with pytest.raises(UserError, match=r"train_cfg.max_epochs follows from the protocol: set run.settings.epochs"):
        read(Config(old).pretty_text)


def test_everything_but_the_method_comes_from_the_catalogue(spec, read):
    assert read("run = dict(method='toy')").identity() == spec().identity()
    assert read("run: {method: toy}\n", "mine.yaml").identity() == spec().identity()


@pytest.mark.parametrize(
    ("run", "request_words"),
    [
        ("hparams=dict(alpha=0.5)", {"sets": ["alpha=0.5"]}),
        ("hparams=dict(alpha=1.0)", {}),
        ("preset='strong', hparams=dict(dropout=0.1)", {"preset": "strong", "sets": ["dropout=0.1"]}),
        ("optimizer=dict(type='Adam')", {"sets": ["optimizer.type=Adam"]}),
        ("optimizer=dict(lr=0.3), schedule=dict(type='step')", {"sets": ["optimizer.lr=0.3", "schedule.type=step"]}),
        ("settings=dict(epochs=3, patience=None)", {"changes": {"epochs": 3}}),
        ("dataset='cifar10', backbone='resnet18'", {"dataset": "cifar10", "backbone": "resnet18"}),
        ("bits=12, seed=4", {"bits": 12, "seed": 4}),
    ],
)
def test_a_config_asks_for_what_options_ask_for(spec, read, run, request_words):
    assert read(f"run = dict(method='toy', {run})").identity() == spec(**request_words).identity()


def test_a_changed_value_never_has_the_label_of_the_default(spec, read, tmp_path):
    for first in (spec(), spec(sets=["alpha=0.5"]), spec(sets=["alpha=1.0"]), spec(trials=9, sets=["alpha=0.5"])):
        (tmp_path / "config.py").write_text(Config(config_values(first)).pretty_text)
        changed = read("_base_ = 'config.py'\nrun = dict(hparams=dict(kill_at=3))")
        assert changed.hparams == {**first.hparams, "kill_at": 3}
        sets = [f"{name}={first.hparams[name]}" for name in first.changed]
        assert changed.preset == spec(sets=[*sets, "kill_at=3"]).preset
        assert changed.trials == 0


def test_bases_are_merged_and_replaced(read, tmp_path):
    (tmp_path / "base.yaml").write_text("run: {method: toy, hparams: {alpha: 5e-1, dropout: 0.1}, bits: 8}\n")
    (tmp_path / "more.json").write_text('{"run": {"seed": 7, "bits": 16}}')
    both = read("_base_: [base.yaml, more.json]\nrun: {hparams: {dropout: 0.2}}\n", "both.yaml")
    assert (both.bits, both.seed, both.hparams["alpha"], both.hparams["dropout"]) == (16, 7, 0.5, 0.2)
    fresh = read("_base_: base.yaml\nrun: {hparams: {_delete_: true, dropout: 0.2}}\n", "fresh.yml")
    assert (fresh.bits, fresh.hparams["alpha"], fresh.hparams["dropout"]) == (8, 1.0, 0.2)
    (tmp_path / "base.py").write_text("_alpha = 0.5\nrun = dict(method='toy', hparams=dict(alpha=_alpha))\n")
    assert read("_base_ = ['base.py']\nrun = dict(bits=4)").hparams["alpha"] == 0.5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.py", "runs = dict(method='toy')", "no key runs. Did you mean run"),
        ("a.py", "run = dict(method='toy', bit=3)", "no key run.bit. Did you mean bits"),
        ("a.py", "run = dict(method='toy', settings=dict(epoch=3))", "no key settings.epoch. Did you mean epochs"),
        ("a.py", "run = dict(method='toy', hparams=dict(alpah=3))", "alpah: method toy has no such hyper-parameter. Did you mean alpha"),
        ("a.py", "run = dict(method='toy', hparams=dict(alpha='much'))", "alpha=much: expected a number"),
        ("a.py", "run = dict(method='tooy')", "Did you mean toy"),
        ("a.py", "run = dict(method='toy', preset='strongg')", "Did you mean strong"),
        ("a.py", "run = dict(method='toy', bits='8')", "run.bits is a whole number, not '8'"),
        ("a.py", "run = dict(method='toy', bits=True)", "run.bits is a whole number, not True"),
        ("a.py", "run = dict(method='toy', seed=1.5)", "run.seed is a whole number"),
        ("a.py", "run = dict(method='toy', hparams=[1])", "run.hparams is a mapping"),
        ("a.py", "run = dict(method='toy', dataset='cifar10', settings=dict(dataset='digits'))", "give one of them"),
        ("a.py", "run = dict(method='toy', hparams=dict(alpha=float('nan')))", "only words, finite numbers"),
        ("a.py", "run = dict(method='toy_shallow', optimizer=dict(lr=1.0))", "is fitted, without optimizer"),
        ("a.py", "run = dict(method='toy')\ncustom_hooks = dict(type='EMAHook')", "custom_hooks is a list"),
        ("a.py", "run = dict(method='toy')\ncustom_hooks = [dict(type='EMAHok')]", "no hook 'EMAHok'. Did you mean EMAHook"),
        ("a.py", "run = dict(method='toy')\ncustom_hooks = ['EMAHook']", "expected dict(type=NAME, ...)"),
        ("a.py", "run = dict(method='toy')\ncustom_hooks = [dict(type='no.such.Hook')]", "no.such.Hook"),
        ("a.py", "run = dict(method='toy')\ncustom_imports = dict(imports=['no_such_module'])", "no_such_module: ModuleNotFoundError"),
        ("a.py", "run = dict(method='toy')\ncustom_imports = ['x']", "custom_imports is dict(imports="),
        ("a.py", "run = dict(method='toy')\nvisualizer = dict(type='Visualiser')", "Did you mean Visualizer"),
        ("a.py", "run = dict(method='toy')\nvisualizer = dict(type='Visualizer', vis_backends=[dict(type='Tensorboard')])", "TensorboardVisBackend"),
        ("a.py", "raise OSError('gone')", "it cannot be read (OSError: gone)"),
        ("a.py", "_base_ = 'none.py'", "it cannot be read"),
        ("a.py", "_base_ = ['b.yaml']", "_base_ b.yaml: the base of a .py config is a .py config"),
        ("a.yaml", "_base_: b.py\nrun: {method: toy}", "they run no code"),
        ("a.yaml", "_base_: a.yaml\nrun: {method: toy}", "it is its own base"),
        ("a.yaml", "_base_: none.yaml\nrun: {method: toy}", "No such file"),
        ("a.yaml", "run: {method: toy", "not valid YAML"),
        ("a.yaml", "- run", "a config is a mapping"),
        ("a.yaml", "run: {method: toy}\ncustom_imports: {imports: [os]}", "custom_imports runs code"),
        ("a.yaml", "run: {method: toy}\ncustom_hooks: [{type: os.system, command: 'touch RAN'}]", "type os.system: YAML and JSON name what is registered"),
        ("a.yaml", "run: {method: toy}\ncustom_hooks: [{type: this}]", "no hook 'this'"),
        ("a.yaml", "run: {method: toy}\nvisualizer: {type: Visualizer, vis_backends: [{type: a.B}]}", "type a.B"),
        ("a.yaml", "run: {method: toy, weights: !!python/object/apply:os.system ['touch RAN']}", "python/object/apply:os.system'; only words"),
        ("a.json", "{run: 1}", "not valid JSON"),
        ("a.toml", "", "a config is a file .py, .yaml or .json, not .toml"),
    ],
)  # fmt: skip
def test_a_wrong_config_is_refused_in_one_line(read, tmp_path, monkeypatch, name, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text("run: {method: !!python/object/apply:os.system ['touch RAN']}\n")
    (tmp_path / "b.py").write_text("open('RAN', 'w')\n")
    with pytest.raises(UserError) as caught:
        read(text, name)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"--config {tmp_path / name}")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "RAN").exists()
    assert "this" not in sys.modules


def codes(folder):
    (path,) = folder.rglob("codes.npz")
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


SMALL = {"epochs": 4, "validate_every": 2, "batch_size": 128}

HOOK = """
import torch
from mmengine.hooks import Hook
from hashbench.registry import HOOKS

CALLS = []

@HOOKS.register_module(force=True)
class Noisy(Hook):
    def __init__(self, size):
        self.size = size

    def _log(self, stage, runner):
        CALLS.append((stage, runner.epoch, runner.iter))

    def before_train_epoch(self, runner):
        self._log("before_train_epoch", runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._log("before_train_iter", runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._log("after_train_iter", runner)
        assert set(outputs) == {"likelihood", "pull"}
        with torch.no_grad():
            for parameter in runner.model.parameters():
                parameter.mul_(1 - self.size)

    def after_train_epoch(self, runner):
        self._log("after_train_epoch", runner)

    def after_val_epoch(self, runner, metrics=None):
        self._log("after_val_epoch", runner)
"""


def test_a_hook_of_ones_own_changes_training_and_the_identity(catalog, read, do_run, tmp_path):
    (tmp_path / "noisy_hook.py").write_text(HOOK)
    values = {
        "run": {"method": "toy", "bits": 12, "settings": SMALL},
        "custom_hooks": [{"type": "Noisy", "size": 0.01}],
    }
    values["custom_imports"] = {"imports": ["noisy_hook"], "allow_failed_imports": False}
    hooked = read(Config(values).pretty_text)
    outcome = run(hooked, catalog)
    plain = do_run()
    assert outcome.folder.parts[-3] == f"toy@{hooked.preset}" != plain.folder.parts[-3]
    assert json.loads((outcome.folder / "spec.json").read_text())["custom_hooks"] == values["custom_hooks"]
    assert "custom_hooks" not in json.loads((plain.folder / "spec.json").read_text())
    assert outcome.record.hparams["custom_hooks"] == values["custom_hooks"]
    assert not np.array_equal(codes(outcome.folder)["query_codes"], codes(plain.folder)["query_codes"])
    again = read_config(outcome.folder / "config.py", catalog, out=tmp_path / "again")
    assert again.identity() == hooked.identity()

    calls = sys.modules["noisy_hook"].CALLS
    steps = len([call for call in calls if call[0] == "after_train_iter"]) // 4
    second = [call for call in calls if call[1] == 1 and call[0] != "after_val_epoch"]
    assert second[0] == ("before_train_epoch", 1, steps)
    assert second[1:3] == [("before_train_iter", 1, steps), ("after_train_iter", 1, steps)]  # as in mmengine's own loop
    assert second[-1] == ("after_train_epoch", 1, 2 * steps)
    assert [call for call in calls if call[0] == "after_val_epoch"] == [
        ("after_val_epoch", 2, 2 * steps),
        ("after_val_epoch", 4, 4 * steps),
    ]


def test_a_hook_of_mmengine_goes_on_after_an_interruption(catalog, read, tmp_path, monkeypatch):
    """Averaged weights are kept by the hook, and come back from the checkpoint."""
    values = {
        "run": {"method": "toy", "bits": 12, "settings": SMALL},
        "custom_hooks": [{"type": "EMAHook", "momentum": 0.2}],
    }
    asked = read(values, "ema.json")
    outcomes = []
    for folder, stop in (("whole", None), ("stopped", 2)):
        spec = read_config(tmp_path / "ema.json", catalog, out=tmp_path / folder)
        if stop:
            save = HashRunner.save_state

            def interrupted(runner, save=save, stop=stop):
                runner._saving_took = 0.0  # every epoch is saved
                save(runner)
                if runner.epoch_done == stop:
                    raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(HashRunner, "save_state", interrupted)
                with pytest.raises(Interrupted, match="state saved after epoch 2"):
                    run(spec, catalog)
        outcomes.append(run(spec, catalog, resume=bool(stop)))
    assert asked.preset.startswith("default+")
    whole, stopped = (codes(outcome.folder) for outcome in outcomes)
    assert all(np.array_equal(whole[name], stopped[name]) for name in whole)
    assert outcomes[0].record.metrics["map"] > 0.5


@pytest.mark.parametrize(
    "hook", [{"type": "EMAHook", "begin_iter": "x"}, {"type": "EarlyStoppingHook"}, {"type": "SelectionHook"}]
)
def test_a_hook_that_refuses_its_options_is_named(catalog, read, tmp_path, hook):
    spec = read({"run": {"method": "toy", "settings": SMALL}, "custom_hooks": [hook]}, "a.json")
    with pytest.raises(UserError, match="custom_hooks: ") as caught:
        run(spec, catalog)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["toy", "toy_shallow"])
def test_a_runner_from_a_config_trains_selects_and_tests_as_a_run_does(catalog, do_run, tmp_path, method):
    outcome = do_run(method)
    config = Config({"run": {"method": method, "bits": 12, "settings": SMALL}})
    runner = HashRunner.from_cfg(config, folder=tmp_path / "script", catalog=catalog)
    with pytest.raises(Exception, match="sealed"):
        runner.final_test()
    runner.train()
    assert (
        runner.select()
        == f"epoch {outcome.record.selection['epoch']}, validation map {outcome.record.selection['value']:.6f}"
    )
    assert runner.final_test().metrics == outcome.record.metrics


def test_a_runner_from_a_config_has_a_folder_by_itself_and_resumes(catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"run": {"method": "toy", "bits": 12, "settings": SMALL}}
    first = HashRunner.from_cfg(config, catalog=catalog)
    first.train()
    assert sorted(os.listdir("work_dirs/toy/checkpoints"))[-1] == "epoch_4.pth"
    again = HashRunner.from_cfg(config, catalog=catalog, resume=True)
    again.train()
    assert again.state.history == first.state.history
    with pytest.raises(UserError, match=r"config: no key run\.bit"):
        HashRunner.from_cfg({"run": {"method": "toy", "bit": 3}}, catalog=catalog)


def test_averaged_weights_are_tested_as_they_were_selected(catalog, read, tmp_path):
    """The first epoch is the best for a method that unlearns: its averages are tested, not those of the last epoch."""
    values = {"run": {"method": "toy", "bits": 12, "settings": {**SMALL, "validate_every": 1}}}
    values["run"]["optimizer"] = {"lr": 3.0}
    values["custom_hooks"] = [{"type": "EMAHook", "momentum": 0.9}]
    runner = HashRunner.from_cfg(values, folder=tmp_path / "script", catalog=catalog)
    runner.train()
    runner.select()
    best = runner.store.load_best(runner.state.best_epoch)
    seen = {}
    encode = type(runner.model).encode

    class Spy(type(runner.model)):
        def encode(self, inputs):
            seen.update({name: value.clone() for name, value in self.state_dict().items()})
            return encode(self, inputs)

    runner.model.__class__ = Spy
    runner.final_test()
    weights = [name for name, value in runner.model.named_parameters()]
    assert weights
    assert all(np.array_equal(seen[name], best[name]) for name in weights)
