"""Curves of a run, read back from what TensorBoard reads; every epoch once, also after an interruption."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from hashbench.engine import visualizer
from hashbench.engine.runner import HashRunner
from hashbench.errors import Interrupted, UserError

TENSORBOARD = {"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend"}]}
LOCAL = {"type": "Visualizer", "vis_backends": [{"type": "LocalVisBackend"}]}


def scalars(folder):
    """tag -> [(step, value)] of all event files of a run."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / "vis"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_loss_rate_validation_and_diagnostics_at_every_epoch(do_run):
    outcome = do_run("dualhash_stom", changes={"validate_every": 1}, visualizer=TENSORBOARD)
    curves, history = scalars(outcome.folder), outcome.record.history
    for tag, name in {
        "train/loss": "loss",
        "train/similarity": "similarity",
        "train/lr": "lr",
        "val/map": "val_map",
        "method/lagrangian": "lagrangian",
    }.items():
        assert [step for step, _ in curves[tag]] == [1, 2, 3, 4], tag
        assert [value for _, value in curves[tag]] == pytest.approx([epoch[name] for epoch in history], rel=1e-6), tag
    assert all(len(values) == 4 for values in curves.values())
    assert curves["train/lr_backbone"][0] == (1, pytest.approx(curves["train/lr"][0][1], rel=1e-6))


def test_what_is_drawn_is_no_part_of_the_run(do_run, tmp_path):
    drawn = do_run(visualizer=TENSORBOARD, out=tmp_path / "drawn")
    plain = do_run()
    assert drawn.record.metrics == plain.record.metrics
    assert drawn.folder.relative_to(tmp_path / "drawn") == plain.folder.relative_to(tmp_path / "runs")
    assert (drawn.folder / "spec.json").read_bytes() == (plain.folder / "spec.json").read_bytes()
    assert not (plain.folder / "vis").exists()


@pytest.mark.parametrize("epoch", [1, 3])
def test_nothing_is_written_twice_after_an_interruption(do_run, monkeypatch, epoch):
    """Interrupted after an epoch that was written and not saved: it is trained again, and not written again."""
    save = HashRunner.save_state

    def interrupted(runner):
        if runner.epoch_done > 1:
            runner._saved_at, runner._saving_took = 1e18, 1.0  # nothing is saved after the first epoch
        save(runner)
        if runner.epoch_done == epoch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "save_state", interrupted)
        with pytest.raises(Interrupted, match="state saved after epoch 1"):
            do_run(visualizer=TENSORBOARD)
    outcome = do_run(visualizer=TENSORBOARD, resume=True)
    curves = scalars(outcome.folder)
    assert [step for step, _ in curves["train/loss"]] == [1, 2, 3, 4]
    assert [step for step, _ in curves["val/map"]] == [2, 4]
    expected = [epoch["loss"] for epoch in outcome.record.history]
    assert [value for _, value in curves["train/loss"]] == pytest.approx(expected, rel=1e-6)


def test_a_visualizer_that_comes_late_writes_the_epochs_before(do_run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "select", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(Interrupted):
            do_run()
    outcome = do_run(visualizer=TENSORBOARD, resume=True)
    assert [step for step, _ in scalars(outcome.folder)["train/loss"]] == [1, 2, 3, 4]


@pytest.mark.parametrize("method", ["toy", "toy_shallow"])
def test_local_writes_a_line_an_epoch(do_run, method):
    outcome = do_run(method, visualizer=LOCAL, changes={"validate_every": 1})
    lines = [json.loads(line) for line in (outcome.folder / "vis" / "scalars.json").read_text().splitlines()]
    assert [line["step"] for line in lines] == [epoch["epoch"] for epoch in outcome.record.history]
    assert lines[-1]["val/map"] == outcome.record.history[-1]["val_map"]
    assert do_run(method, visualizer=LOCAL, changes={"validate_every": 1}, overwrite=True).fresh
    assert len((outcome.folder / "vis" / "scalars.json").read_text().splitlines()) == len(lines)


def test_names_of_the_command_line():
    assert visualizer.named([]) is None
    assert visualizer.named(["local", "local"]) == LOCAL
    with pytest.raises(
        UserError, match=r"--visualizer tensorbord: there is none of that name\. Did you mean tensorboard"
    ):
        visualizer.named(["tensorbord"])


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_names_the_extra(monkeypatch, name):
    find = importlib.util.find_spec
    monkeypatch.setattr(visualizer, "find_spec", lambda asked: None if asked == name else find(asked))
    with pytest.raises(
        UserError, match=rf'--visualizer: {name} is not installed here: pip install "hashbench\[{name}\]"'
    ):
        visualizer.named([name])
    config = {"type": "Visualizer", "vis_backends": {"type": visualizer.BACKENDS[name]}}
    with pytest.raises(UserError, match=rf"--config a.py: visualizer: {name} is not installed here"):
        visualizer.check_visualizer(config, "--config a.py")


@pytest.mark.parametrize(
    "config",
    [
        {"type": "Visualizer", "vis_backends": [{"type": "TensorboardVisBackend", "no_such": 1}]},
        {"type": "Visualizer", "no_such": 1},
        {"type": "Visualizer", "vis_backends": [{"type": "LocalVisBackend"}, {"type": "LocalVisBackend"}]},
    ],
)
def test_a_visualizer_that_refuses_its_options_is_explained(do_run, config):
    with pytest.raises(UserError, match="visualizer: ") as caught:
        do_run(visualizer=config)
    assert "\n" not in str(caught.value)


def test_weights_and_biases_goes_on_with_the_run_that_it_began(catalog, tmp_path):
    from hashbench.catalog.request import resolve

    spec = resolve(catalog, method="toy", out=tmp_path)
    config = {"type": "Visualizer", "vis_backends": [{"type": "WandbVisBackend", "init_kwargs": {"project": "mine"}}]}
    options = [
        visualizer.build_visualizer(config, f"wandb-{number}-{tmp_path.name}", tmp_path, spec).get_backend("WandbVisBackend")._init_kwargs
        for number in range(2)
    ]  # fmt: skip
    assert options[0] == options[1]
    assert options[0] | {"id": "x"} == {"project": "mine", "name": "toy-32bit-seed0", "id": "x", "resume": "allow"}


def test_by_default_nothing_is_drawn_and_matplotlib_is_not_imported(plugin, tmp_path):
    code = f"""
import sys
from hashbench.engine.runner import HashRunner
from hashbench.catalog import load_catalog
config = {{"run": {{"method": "toy", "bits": 8, "settings": {{"epochs": 1}}}}}}
runner = HashRunner.from_cfg(config, folder={str(tmp_path / "x")!r}, catalog=load_catalog([{str(plugin)!r}]))
runner.train()
print([name for name in ("matplotlib", "tensorboard") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
    assert not (tmp_path / "x" / "vis").exists()


def test_the_command_line_draws(plugin, tmp_path):
    words = ["run", "--method", "toy", "--plugin", str(plugin), "--out", str(tmp_path), "--bits", "8", "--epochs", "2"]
    command = [sys.executable, "-m", "hashbench", *words, "--visualizer", "tensorboard", "--visualizer", "local"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--visualizer tensorboard --visualizer local" in done.stdout
    (folder,) = tmp_path.glob("*/toy/8bit/seed0")
    assert [step for step, _ in scalars(folder)["train/loss"]] == [1, 2]
    assert np.isfinite(json.loads((folder / "vis" / "scalars.json").read_text().splitlines()[0])["train/loss"])
