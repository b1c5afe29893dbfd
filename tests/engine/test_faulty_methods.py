"""A method whose code is wrong ends its run with one line: what is wrong, where, and where the traceback is."""

from __future__ import annotations

import signal

import pytest

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.crash import ends_the_program
from hashbench.engine.run import run
from hashbench.errors import RunFailedError, UserError

# name: (base, body, what the run says)
METHODS = {
    "raises": (
        "Deep",
        "def loss(self, batch): raise KeyError('x')",
        r"KeyError: 'x' \(wrong_methods.py, line \d+; traceb",
    ),
    "lines": ("Deep", "def loss(self, batch): raise ValueError('no\\nway')", r"ValueError: no \(wrong_methods.py"),
    "fits_not": ("Shallow", "def _fit(self, X, y): 1 / 0", r"ZeroDivisionError: division by zero \(wrong_methods.py"),
    "leaves": (
        "Deep",
        "def loss(self, batch): raise SystemExit(0)",
        r"SystemExit: 0 \(wrong_methods.py, line \d+; traceb",
    ),
    "leaves_fit": ("Shallow", "def _fit(self, X, y): raise SystemExit", r"SystemExit \(wrong_methods.py, line"),
    "event": ("Deep", "def end_epoch(self, fit): raise Event('own')", r"Event: own \(wrong_methods.py, line"),
    "hook": ("Deep", "def end_epoch(self, fit): raise OSError('gone')", r"OSError: gone \(wrong_methods.py"),
    "no_number": ("Deep", "def loss(self, batch): return {'a': batch.codes.sum() * float('nan')}", "the loss is nan"),
    "rows": (
        "Deep",
        "def loss(self, batch): return {'a': batch.codes.sum(1)}",
        r"term 'a' has shape \(128,\): take its",
    ),
    "constant": ("Deep", "def loss(self, batch): return {'a': torch.ones(())}", "no term has a gradient"),
    "detached": ("Deep", "def loss(self, batch): return {'a': batch.codes.detach().sum()}", "no term has a gradient"),
    "scalar": ("Deep", "def loss(self, batch): return batch.codes.sum()", "returned a Tensor: return a dictionary"),
    "empty": ("Deep", "def loss(self, batch): return {}", "returned an empty one: return a dictionary"),
    "nothing": ("Deep", "def loss(self, batch): pass", "returned a NoneType: return a dictionary"),
    "plain": ("Deep", "def loss(self, batch): return {'a': 1.0}", "term 'a' is a float: make it a scalar tensor"),
    "narrow": ("Deep", "def activation(self, logits): return logits[:, :3]", "have 3 columns where 12 bits were asked"),
    "narrow_fit": ("Shallow", "def _project(self, X): return X[:, :3]", "have 3 columns where 12 bits were asked for"),
    "nan_fit": (
        "Shallow",
        "def _project(self, X): return X[:, :12] * float('nan')",
        "outputs hold NaN, which has no sign: check its",
    ),
}
BASES = """
import torch
from hashbench.models import DeepMethod, ShallowMethod


class Event(BaseException):
    pass


class Deep(DeepMethod):
    def loss(self, batch):
        return {"pull": (batch.codes ** 2).mean()}


class Shallow(ShallowMethod):
    def _fit(self, X, y):
        pass

    def _project(self, X):
        return X[:, : self.bits]


class unbuilt(Deep):
    def __init__(self, **options):
        super().__init__(**options)
        {}["key"]


class unbuilt_deep(Deep):
    def __init__(self, **options):
        raise SystemExit("bye")


class unbuilt_shallow(Shallow):
    def __init__(self, bits=8, random_state=None):
        raise Event("no")
"""


UNBUILT = {
    "unbuilt": "kind: deep, optimizer: {type: SGD, lr: 0.05}",
    "unbuilt_deep": "kind: deep, optimizer: {type: SGD, lr: 0.05}",
    "unbuilt_shallow": "kind: shallow",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    code = "".join(f"\n\nclass {name}({base}):\n    {body}\n" for name, (base, body, _) in METHODS.items())
    (folder / "wrong_methods.py").write_text(BASES + code)
    (folder / "leaving.py").write_text("raise SystemExit(3)\n")
    deep = "kind: deep, optimizer: {type: SGD, lr: 0.05}"
    kinds = {name: deep if base == "Deep" else "kind: shallow" for name, (base, _, _) in METHODS.items()}
    entries = [f"  {name}: {{class: 'wrong_methods:{name}', {kind}}}" for name, kind in (kinds | UNBUILT).items()]
    (folder / "registry.yaml").write_text(
        "\n".join(["methods:", *entries, f"  leaving: {{class: 'leaving:X', {deep}}}"])
    )
    return folder


@pytest.fixture
def go(folder, tmp_path):
    catalog = load_catalog([folder], folder=tmp_path)

    def go(method):
        spec = resolve(catalog, method=method, bits=12, changes={"epochs": 1}, out=tmp_path / "runs")
        run(spec, catalog)

    return go


@pytest.mark.parametrize("method", METHODS)
def test_faults_are_told_in_one_line_and_the_log_has_the_traceback(go, method, tmp_path):
    with pytest.raises(RunFailedError, match=METHODS[method][2]) as caught:
        go(method)
    assert "\n" not in str(caught.value)
    (log,) = tmp_path.rglob("log.txt")
    assert "Traceback" in log.read_text()
    if "traceback in" in str(caught.value):
        assert str(log) in str(caught.value)


def test_a_constructor_that_fails_and_a_module_that_leaves_are_refused(go, tmp_path):
    with pytest.raises(UserError, match=r"method unbuilt: KeyError: 'key' \(wrong_methods.py, line \d+\)"):
        go("unbuilt")
    with pytest.raises(UserError, match=r"method unbuilt_deep: SystemExit: bye \(wrong_methods.py, line \d+\)"):
        go("unbuilt_deep")
    with pytest.raises(UserError, match=r"method unbuilt_shallow: Event: no \(wrong_methods.py, line \d+\)"):
        go("unbuilt_shallow")
    with pytest.raises(UserError, match=r"method 'leaving' of .* cannot be imported: SystemExit: 3"):
        go("leaving")
    assert not (tmp_path / "runs").exists()


def test_what_the_handler_of_a_signal_raises_is_let_through():
    def handler(number, frame):
        raise SystemExit(number)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(SystemExit) as of_a_signal:
            signal.raise_signal(signal.SIGUSR1)
        with pytest.raises(SystemExit) as of_its_own:
            raise SystemExit(3)
        assert ends_the_program(of_a_signal.value)
        assert not ends_the_program(of_its_own.value)
        assert ends_the_program(KeyboardInterrupt())
    finally:
        signal.signal(signal.SIGUSR1, before)
