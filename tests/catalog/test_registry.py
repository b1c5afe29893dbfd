"""The second door: what a decorator registers is known everywhere, as what a registry.yaml names is."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine import registry as mmengine_registry

from hashbench import registry
from hashbench.catalog import load_catalog
from hashbench.catalog.imports import import_file
from hashbench.catalog.registered import registered
from hashbench.catalog.request import resolve
from hashbench.errors import UserError
from hashbench.models import DeepMethod, ShallowMethod
from hashbench.registry import BACKBONES, DATASETS, EXECUTORS, HOOKS, LOOPS, METHODS, OPTIMIZERS, SCHEDULES

pytestmark = pytest.mark.usefixtures("as_before")

MINE = '''
import torch
from hashbench.models import DeepMethod
from hashbench.registry import METHODS


@METHODS.register_module("{name}")
class Mine(DeepMethod):
    """Pulls the codes of a batch apart."""

    search = {{"alpha": {{"log": [0.1, 1.0]}}}}

    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 0.5) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        self.alpha = alpha

    def loss(self, batch):
        return {{"pull": self.alpha * (batch.similarity * (batch.codes @ batch.codes.T)).mean()}}
'''


@pytest.fixture
def mine(tmp_path):
    """A file with a decorated method `pull`."""
    path = tmp_path / "mine_pull.py"
    path.write_text(MINE.format(name="pull"))
    return path


def test_the_registries_are_mmengines_children_where_it_has_one():
    assert OPTIMIZERS.parent is mmengine_registry.OPTIMIZERS
    assert SCHEDULES.parent is mmengine_registry.PARAM_SCHEDULERS
    assert DATASETS.parent is mmengine_registry.DATASETS
    assert registry.METRICS.parent is mmengine_registry.METRICS
    assert (LOOPS.parent, HOOKS.parent) == (mmengine_registry.LOOPS, mmengine_registry.HOOKS)
    assert {r.scope for r in (METHODS, BACKBONES, EXECUTORS, LOOPS)} == {"hashbench"}


def test_importing_the_registries_imports_no_torch():
    code = "import sys, hashbench.registry; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_catalogue_entry_is_in_the_registry_and_is_imported_when_asked_for():
    from hashbench_dualhash.stom import StoM

    assert METHODS.get("dsh").__name__ == "DSH"
    assert OPTIMIZERS.get("StoM") is StoM
    assert OPTIMIZERS.get("Adam") is torch.optim.Adam
    assert METHODS.get("hashbench.dsh") is METHODS.get("dsh")  # mmengine's way to name a scope
    assert METHODS.get("no_such_method") is None
    assert {"dsh", "csq", "itq"} <= set(METHODS.names())
    built = METHODS.build({"type": "dsh", "bits": 8, "num_classes": 3, "num_train": 10, "alpha": 0.25})
    assert (type(built).__name__, built.bits) == ("DSH", 8)


def test_mmengines_own_names_are_found_through_the_parent():
    assert SCHEDULES.get("LinearLR").__name__ == "LinearLR"
    assert OPTIMIZERS.get("NoSuchOptimizer") is None


def test_a_decorated_class_is_in_the_catalogue_with_all_its_facts():
    @METHODS.register_module(presets={"strong": {"alpha": 2.0}}, preset_notes={"strong": "more"})
    class PullTogether(DeepMethod):
        """Pulls codes together.

        More of it.
        """

        deviations = ("No paper: a toy.",)
        optimizer: ClassVar = {"type": "StoM", "lr": 0.1}

        def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 0.5) -> None:
            super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)

        def loss(self, batch):
            return {"pull": batch.codes.mean()}

    catalog = load_catalog()
    entry = catalog.method("pull_together")
    assert (entry.kind, entry.title) == ("deep", "Pulls codes together.")
    assert entry.deviations == ["No paper: a toy."]
    assert catalog.defaults("methods", "pull_together") == {"alpha": 0.5}
    assert catalog.load_class("methods", "pull_together") is PullTogether
    spec = resolve(catalog, method="pull_together", preset="strong", out=".")
    assert (spec.hparams, spec.optimizer["type"]) == ({"alpha": 2.0}, "StoM")


def test_a_method_that_names_no_optimizer_is_trained_by_the_protocols(mine):
    catalog = load_catalog(imports=[mine])
    entry = catalog.method("pull")
    assert (entry.optimizer, entry.schedule) == ({}, {})
    spec = resolve(catalog, method="pull", protocol="digits", out=".")
    assert (spec.optimizer, spec.schedule) == (catalog.protocol("digits").optimizer, {"type": "cosine"})
    assert entry.search == {"alpha": {"log": [0.1, 1.0]}}


def test_an_imported_file_travels_with_the_run(mine):
    catalog = load_catalog(imports=[mine])
    spec = resolve(catalog, method="pull", sets=["alpha=0.25"], out=".")
    assert spec.imports == (mine,)
    assert "imports" not in spec.identity()
    with pytest.raises(UserError, match="Did you mean alpha"):
        resolve(catalog, method="pull", sets=["alhpa=0.25"], out=".")


def test_the_same_file_is_imported_once(mine):
    assert import_file(mine) is import_file(mine)


def test_a_cell_that_is_run_twice_replaces_its_class():
    def cell():
        @METHODS.register_module("mine_again")
        class Mine(DeepMethod):
            def loss(self, batch):
                return {"nothing": batch.codes.sum()}

        return Mine

    cell()
    assert cell() is METHODS.get("mine_again") is load_catalog().load_class("methods", "mine_again")


def test_data_sets_backbones_optimizers_and_schedules_take_the_same_door():
    @DATASETS.register_module("mine_data", title="made up")
    class MyData:
        def __init__(self, root=None, *, size: int = 10):
            self.size = size

        def load(self): ...

    @BACKBONES.register_module(image_size=64)
    class MineNet(torch.nn.Identity):
        out_features = 3

    @OPTIMIZERS.register_module()
    class MineSGD(torch.optim.SGD):
        """SGD by another name."""

    @SCHEDULES.register_module()
    def mine_schedule(optimizer, *, epochs, steps_per_epoch, final: float = 0.5): ...

    catalog = load_catalog()
    assert catalog.dataset("mine_data").title == "made up"
    assert catalog.defaults("datasets", "mine_data") == {"size": 10}
    assert catalog.backbone("mine_net").image_size == 64
    assert catalog.optimizers["MineSGD"].title == "SGD by another name."
    assert catalog.defaults("schedules", "mine_schedule") == {"final": 0.5}


def decorated(registry, target, *names, **facts):
    return registry.register_module(*names, module=target, **facts)


class NoLoss(DeepMethod):
    pass


class NoFit(ShallowMethod):
    def _project(self, X):
        return X


class Other(DeepMethod):
    def loss(self, batch):
        return {}


@pytest.mark.parametrize(
    ("register", "match"),
    [
        (lambda: decorated(METHODS, NoLoss), r"NoLoss .*test_registry.py:\d+\): it defines no loss"),
        (lambda: decorated(METHODS, NoFit), r"it must define _fit\(self, X, y\) and _project"),
        (lambda: decorated(METHODS, dict), "a method is a subclass of DeepMethod or of ShallowMethod"),
        (lambda: decorated(METHODS, Other, "a method"), "cannot be a name"),
        (lambda: decorated(METHODS, Other, "mine", titel="x"), "cannot have 'titel'. Did you mean title"),
        (lambda: decorated(METHODS, Other, "mine", search=[1]), "search: Input should be a valid dictionary"),
        (lambda: decorated(METHODS, Other, "mine", optimizer={"type": "SGD"}), "needs both"),
        (lambda: decorated(DATASETS, Other), r"a data set needs a method load\(\)"),
        (lambda: decorated(EXECUTORS, Other), r"an executor needs a method start\(\)"),
        (lambda: decorated(OPTIMIZERS, Other), r"an optimizer needs a method step\(\)"),
    ],
)
def test_what_is_none_of_the_kind_is_refused_at_once(register, match):
    before = registered()
    with pytest.raises(UserError, match=match) as caught:
        register()
    assert "\n" not in str(caught.value)
    assert registered() == before


def test_two_classes_of_one_name_are_both_named(mine, tmp_path):
    other = tmp_path / "mine_other.py"
    other.write_text(MINE.format(name="pull"))
    with pytest.raises(UserError) as caught:
        load_catalog(imports=[mine, other])
    assert "two methods are named 'pull'" in str(caught.value)
    assert str(mine) in str(caught.value)
    assert str(other) in str(caught.value)


def test_a_name_of_the_catalogue_is_taken(tmp_path):
    path = tmp_path / "mine_dsh.py"
    path.write_text(MINE.format(name="dsh"))
    with pytest.raises(UserError, match=r"two plugins bring method 'dsh': baselines .* and Mine"):
        load_catalog(imports=[path])


def test_an_entry_and_a_decorator_of_one_class_are_no_contradiction(mine, tmp_path):
    (tmp_path / "hashbench.yaml").write_text(
        "methods: {pull: {class: 'mine_pull:Mine', kind: deep, title: said in the file}}\n"
    )
    assert load_catalog(imports=[mine], folder=tmp_path).method("pull").title == "said in the file"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\ny = 1 / 0\n", ["line 2", "ZeroDivisionError"]),
        ("def f(:\n", ["line 1", "SyntaxError"]),
        ("import no_such_module_anywhere\n", ["line 1", "no_such_module_anywhere"]),
        ("raise SystemExit(3)\n", ["line 1", "SystemExit: 3"]),
        (
            "from hashbench.models import DeepMethod\nfrom hashbench.registry import METHODS\n"
            "@METHODS.register_module()\nclass Mine(DeepMethod): pass\n",
            ["line 3", "it defines no loss"],
        ),
    ],
)
def test_a_file_that_fails_is_named_with_its_line(tmp_path, code, words):
    path = tmp_path / "mine_fails.py"
    path.write_text(code)
    with pytest.raises(UserError) as caught:
        load_catalog(imports=[path])
    assert str(caught.value).startswith(f"--import {path}, ")
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert "mine_fails" not in sys.modules


@pytest.mark.parametrize(
    ("name", "match"),
    [("gone.py", "not a Python file"), ("mine.txt", "not a Python file"), ("json.py", "another Python")],
)
def test_a_file_that_cannot_be_a_module_is_refused(tmp_path, name, match):
    if name != "gone.py":
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=match):
        load_catalog(imports=[tmp_path / name])


EVERYTHING = '''
import numpy as np
import torch
from hashbench.data import DataTable
from hashbench.models import DeepMethod
from hashbench.registry import DATASETS, METHODS, METRICS


@METHODS.register_module("mine")
class Mine(DeepMethod):
    """A contrastive pull."""

    deviations = ["No paper: a toy."]

    def activation(self, logits):
        return torch.tanh(logits)

    def loss(self, batch):
        theta = 0.5 * batch.codes @ batch.codes.T
        return {"likelihood": (torch.nn.functional.softplus(theta) - batch.similarity * theta).mean()}


@DATASETS.register_module("mine_data", inputs="feature")
class MineData:
    """Two hundred points around four centres."""

    def __init__(self, root=None, *, spread: float = 0.3):
        self.spread = spread

    def load(self):
        labels = torch.arange(200) % 4
        noise = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
        return DataTable("mine_data", torch.eye(8)[labels] + self.spread * noise, labels, 4)


@METRICS.register_module("nearest_hit", label="share of queries whose nearest group holds a relevant item")
def nearest_hit(counts):
    nearest = (counts.n > 0).argmax(axis=1)
    return np.where(counts.relevant > 0, counts.p[np.arange(len(nearest)), nearest] > 0, np.nan)
'''


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """An empty folder with one file that decorates a method, a data set and a metric."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "mine.py").write_text(textwrap.dedent(EVERYTHING))
    return folder


def hashbench(folder, *words):
    """The program in that folder: (exit code, standard output, standard error)."""
    done = subprocess.run([sys.executable, "-m", "hashbench", *words], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


SETTINGS = ("--dataset", "mine_data", "--epochs", "2", "--set", "protocol.radii=[0, 1]")


def test_list_and_show_know_what_a_file_decorates(everything):
    code, out, _ = hashbench(everything, "list", "--import", "mine.py", "--json")
    assert code == 0
    listed = {section: [row["name"] for row in rows] for section, rows in json.loads(out).items()}
    assert "mine" in listed["methods"]
    assert "mine_data" in listed["datasets"]
    assert "nearest_hit" in listed["metrics"]
    code, out, _ = hashbench(everything, "show", "mine", "--import", "mine.py")
    assert code == 0
    assert "mine.py" in out


def test_one_file_is_run_swept_and_ranked(everything):
    code, _, err = hashbench(everything, "run", "--import", "mine.py", "-m", "mine", "--bits", "8", *SETTINGS)
    assert code == 0, err
    (path,) = everything.glob("runs/*/mine/8bit/seed0/result.json")
    assert 0 <= json.loads(path.read_text())["metrics"]["nearest_hit"] <= 1
    code, out, err = hashbench(
        everything, "sweep", "--import", "mine.py", "--methods", "mine,lsh", "--bits", "8", "--seeds", "0-2", "--jobs", "2",
        *SETTINGS,
    )  # fmt: skip
    assert code == 0, out + err
    assert "5 done, 1 finished before, 0 failed" in out
    code, out, err = hashbench(
        everything, "leaderboard", "runs", "--import", "mine.py", "--csv", "b.csv", "--metric", "nearest_hit"
    )
    assert code == 0, err
    assert "nearest_hit_mean" in (everything / "b.csv").read_text().splitlines()[0]
    assert np.isin("mine", out.split())


def test_check_knows_what_a_file_decorates(everything):
    code, out, err = hashbench(everything, "check", "mine", "--import", "mine.py", "--json")
    failed = [one for one in json.loads(out)["checks"] if one["outcome"] == "fail"]
    assert (code, failed) == (0, []), err
