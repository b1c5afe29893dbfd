"""`import hashbench`: light, taught by help(), and equal to the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hashbench
from hashbench.errors import RunFailedError, UserError
from hashbench.models import DeepMethod
from hashbench.results.folder import RunFolder

QUICK = {"epochs": 2, "validate_every": 1, "progress": False}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_it_imports_nothing_heavy():
    code = "import sys, hashbench; print([m for m in ('torch', 'mmengine', 'numpy', 'pandas') if m in sys.modules])"
    assert python(code) == "[]\n"


def test_a_deep_method_on_digits_needs_no_scikit_learn():
    code = """
import sys
from hashbench import METHODS
from hashbench.data.digits import Digits
from hashbench.engine.experiment import be_deterministic
from hashbench.models import DeepMethod
import torch

@METHODS.register_module
class Mine(DeepMethod):
    def loss(self, batch):
        return {}

Digits().load()
be_deterministic(compiled=False)
print(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
print([m for m in ("sklearn", "torch._inductor") if m in sys.modules])
"""
    assert python(code) == "True True\n[]\n"


def test_every_name_of_the_face_is_there():
    assert {"run", "sweep", "tune", "evaluate", "load_results", "leaderboard", "open_run", "METHODS", "StoM"} <= set(
        hashbench.__all__
    )
    for name in hashbench.__all__:
        assert getattr(hashbench, name) is not None
        assert name in dir(hashbench)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        hashbench.trian  # noqa: B018


def test_help_teaches():
    text = python("import pydoc, hashbench; print(pydoc.render_doc(hashbench, renderer=pydoc.plaintext))")
    assert "hashbench.run(method=" in text
    assert "METHODS.register_module" in text
    for function in ("run(method", "sweep(methods", "tune(method", "leaderboard(", "load_results("):
        assert function in text


def test_a_run_is_that_of_the_command(tmp_path):
    result = hashbench.run(method="lsh", bits=16, progress=False)
    assert isinstance(result, RunFolder)
    command = [sys.executable, "-m", "hashbench", "run", "-m", "lsh", "--bits", "16", "--out", "other", "--json"]
    other = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert result.metrics == other["metrics"]
    assert result.record.hparams == other["hparams"]
    again = hashbench.run(method="lsh", bits=16, progress=False)
    assert again.record.environment["date"] == result.record.environment["date"]  # read, not done again
    anew = hashbench.run(method="lsh", bits=16, progress=False, overwrite=True)
    assert anew.metrics == result.metrics
    assert hashbench.open_run("runs/digits/lsh/16bit/seed0").metrics == result.metrics


def test_options_mean_what_they_mean_on_the_command_line():
    result = hashbench.run(
        method="dsh",
        bits=8,
        hparams={"alpha": 0.02},
        optimizer={"type": "StoM", "lr": 0.1},
        schedule="constant",
        batch_size=256,
        backbone={"type": "small_conv", "out_features": 32},
        **QUICK,
    )
    record = result.record
    assert record.hparams["alpha"] == 0.02
    assert record.hparams["optimizer"] == {"type": "StoM", "lr": 0.1}
    assert record.recipe == "set"
    assert record.hparams["schedule"] == {"type": "constant"}
    assert record.protocol_description["batch_size"] == 256
    assert record.protocol_description["backbone_hparams"]["out_features"] == 32
    assert list(result.history["epoch"]) == [1, 2]
    assert {"loss", "val_map", "lr"} <= set(result.history)


def test_sweep_tables_and_results():
    runs = hashbench.sweep(["lsh", "itq"], bits=[8, 16], seeds=range(2), jobs=1, progress=False)
    assert [(one.record.bits, one.record.seed, one.record.method) for one in runs] == [
        (bits, seed, method) for bits in (8, 16) for seed in (0, 1) for method in ("lsh", "itq")
    ]
    rows = hashbench.load_results()
    assert len(rows) == 8
    assert {"protocol", "method", "bits", "seed", "map", "precision@r2", "total_seconds", "folder"} <= set(rows)
    assert len(hashbench.load_results(runs[:3])) == 3
    board = hashbench.leaderboard("runs", bits=16, methods="itq")
    assert list(board["method"]) == ["itq"]
    assert board["map_mean"][0] == pytest.approx(rows.query("bits == 16 and method == 'itq'")["map"].mean())
    assert len(hashbench.leaderboard(runs, metric="precision@r2")) == 4
    assert hashbench.sweep("lsh", bits=8, seeds=0, progress=False)[0].metrics == runs[0].metrics


def test_tune_returns_its_study(tmp_path):
    study = hashbench.tune(
        "dsh", trials=2, bits=8, search={"alpha": {"choice": [0.01, 0.02]}}, executor="inline", sampler="named", **QUICK
    )
    assert len(study.trials) == 2
    assert study.best().score > 0
    assert (tmp_path / "studies").is_dir()
    more = hashbench.tune(
        "dsh", trials=3, bits=8, search={"alpha": {"choice": [0.01, 0.02]}}, executor="inline", **QUICK
    )
    assert [trial.seconds for trial in more.trials[:2]] == [trial.seconds for trial in study.trials]


def decorated_here(name, scale):
    """What a cell of a notebook does: a class that no file holds."""
    scope = {"__name__": "__main__"}
    code = (
        "from hashbench import METHODS\nfrom hashbench.models import DeepMethod\n"
        f"@METHODS.register_module({name!r})\n"
        "class Cell(DeepMethod):\n"
        "    def loss(self, batch):\n"
        f"        return {{'pull': {scale} * (batch.similarity * (batch.codes @ batch.codes.T)).mean()}}\n"
    )
    exec(code, scope)


def test_a_class_of_a_notebook_is_run_here_and_anew_after_a_change(as_before, monkeypatch):
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    decorated_here("cell", 1.0)
    first = hashbench.run(method="cell", bits=8, **QUICK)
    decorated_here("cell", 3.0)
    second = hashbench.run(method="cell", bits=8, **QUICK)
    assert second.history["loss"][0] != first.history["loss"][0]
    runs = hashbench.sweep(["cell"], bits=8, seeds=[1], **QUICK)  # in this process: no other knows the class
    assert runs[0].record.method == "cell"
    with pytest.raises(UserError, match="'cell' is defined in a notebook"):
        hashbench.sweep(["cell"], bits=8, seeds=[2], executor="local", **QUICK)


def data_decorated_here(shift):
    """A data set and an optimizer that no file holds."""
    code = (
        "import numpy, torch\nfrom hashbench import DATASETS, OPTIMIZERS\nfrom hashbench.data import DataTable\n"
        "@DATASETS.register_module('cell_data', inputs='feature')\n"
        "class Data:\n"
        "    def __init__(self, root=None):\n"
        "        pass\n"
        "    def load(self):\n"
        f"        rows = numpy.random.default_rng({shift}).normal(size=(60, 4))\n"
        "        return DataTable.from_arrays('cell_data', rows, numpy.arange(60) % 3)\n"
        "@OPTIMIZERS.register_module('CellSGD')\n"
        "class CellSGD(torch.optim.SGD):\n"
        "    def __init__(self, params, lr=0.01):\n"
        f"        super().__init__(params, lr=lr, momentum={0.9 * shift})\n"
    )
    exec(code, {"__name__": "__main__"})


@pytest.mark.parametrize(
    "options",
    [
        {"dataset": "cell_data", "protocol": "features", "method": "lsh"},
        {"optimizer": {"type": "CellSGD"}, "method": "dsh", "epochs": 1},
    ],
)
def test_a_data_set_or_an_optimizer_of_a_notebook_is_taken_as_it_is_now(as_before, monkeypatch, options):
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    quiet = {"bits": 8, "progress": False}
    data_decorated_here(0)
    first = hashbench.run(**options, **quiet).record
    data_decorated_here(1)
    second = hashbench.run(**options, **quiet).record
    assert second.metrics["map"] != first.metrics["map"]


def test_a_sweep_says_that_it_uses_finished_runs_of_a_notebooks_class(as_before, monkeypatch, capsys):
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    decorated_here("cell", 1.0)
    for _ in range(2):
        capsys.readouterr()
        hashbench.sweep(["cell"], bits=8, seeds=[1], **QUICK | {"progress": True})
    assert "finished runs with method 'cell' are used as they are" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: hashbench.run(method="dhs"), "no method named 'dhs'. Did you mean .*dsh"),
        (lambda: hashbench.run(method="dsh", epoch=3), "epoch: neither an argument nor a field.*Did you mean epochs"),
        (lambda: hashbench.run(method="dsh", hparams={"alhpa": 1}), "Did you mean alpha"),
        (lambda: hashbench.run(method="dsh", optimizer="StoMM"), "no optimizer 'StoMM'. Did you mean StoM"),
        (lambda: hashbench.sweep(["lsh"], executor="lcoal"), "Did you mean local"),
        (lambda: hashbench.load_results("nowhere"), "no such folder"),
        (lambda: hashbench.open_run("nowhere"), "no such folder"),
        (lambda: hashbench.tune("dsh", trials=0), "a number from 1 to 100,000"),
        (lambda: hashbench.tune("dsh", search={"alpha": {"normal": [0, 1]}}), "expected 'KEY=log"),
    ],
)
def test_wrong_requests_are_one_line(call, match):
    with pytest.raises(UserError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_failed_runs_of_a_sweep_are_named(as_before):
    from hashbench import METHODS

    @METHODS.register_module("diverges")
    class Diverges(DeepMethod):
        def loss(self, batch):
            return {"nothing": batch.codes.sum() * float("nan")}

    with pytest.raises(RunFailedError, match=r"1 of 2 runs failed.*diverges.*the loss is nan"):
        hashbench.sweep(["lsh", "diverges"], bits=8, seeds=0, executor="inline", **QUICK)
    assert len(hashbench.load_results()) == 1


def test_results_and_evaluations_show_themselves_in_a_notebook():
    result = hashbench.run(method="lsh", bits=8, progress=False)
    html = result._repr_html_()
    assert "lsh (default) on digits, 8 bits, seed 0" in html
    assert f"{result.metrics['map']:.4f}" in html
    assert "map_worst" not in html  # it stands beside mAP
    assert f"{result.metrics['map_worst']:.4f} to {result.metrics['map_best']:.4f}" in html
    assert "runs/digits" in RunFolder(Path("runs/digits/lsh/8bit/seed9"))._repr_html_()
    codes = np.array([[0, 0], [0, 1], [1, 1]])
    evaluation = hashbench.evaluate(codes[:2], codes, [0, 5], [0, 1, 0])
    assert "1 queries without a relevant item are left out" in evaluation._repr_html_()
    assert "0.8333" in evaluation._repr_html_()


def test_the_optimizers_step_a_plain_pytorch_model():
    """docs/optimizers.md, its two loops as they stand there."""
    text = Path(__file__).parents[1].joinpath("docs", "optimizers.md").read_text()
    loops = [part.split("```")[0] for part in text.split("```python\n")[1:] if "for step in range" in part]
    assert len(loops) == 2
    for loop in loops:
        torch.manual_seed(0)
        scope = {}
        exec(loop.replace("range(100)", "range(200)"), scope)
        model, inputs, targets = scope["model"], scope["inputs"], scope["targets"]
        with_bias = torch.cat([inputs, torch.ones(256, 1)], 1)
        best = with_bias @ torch.linalg.lstsq(with_bias, targets).solution
        reached = torch.nn.functional.mse_loss(model(inputs), targets).item()
        assert reached < 1.15 * torch.nn.functional.mse_loss(best, targets).item()
