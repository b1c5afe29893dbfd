"""Small methods that live in a folder of their own, and runs of them that take a second.

A conftest.py that imports these names has them as fixtures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.run import Outcome, run

REGISTRY = """
methods:
  toy:
    class: toy_methods:Toy
    kind: deep
    optimizer: {type: SGD, lr: 0.05, momentum: 0.9}
    schedule: {type: cosine}
    presets: {strong: {alpha: 2.0, optimizer.lr: 0.1}}
  toy_shallow:
    class: toy_methods:ToyShallow
    kind: shallow
  toy_diverging:
    class: toy_methods:Diverging
    kind: deep
    optimizer: {type: SGD, lr: 0.05}
  killed_stom:
    class: toy_methods:KilledStoM
    kind: deep
    optimizer: {type: StoM, lr: 0.05, beta: 0.9, gamma: 0.9}
    schedule: {type: cosine}
  killed_storm:
    class: toy_methods:KilledStoRM
    kind: deep
    optimizer: {type: StoRM, lr: 0.1, a: 0.1}
    schedule: {type: power}
  toy_single_label:
    class: toy_methods:SingleLabel
    kind: deep
    optimizer: {type: SGD, lr: 0.05}
"""

METHODS = '''
import os, signal, time
import numpy as np
import torch
from torch.nn import functional as F
from hashbench.models import DeepMethod, ShallowMethod
from hashbench_dualhash.method import DualHashStoM, DualHashStoRM


class Toy(DeepMethod):
    """Pairwise likelihood with state of its own, random numbers in the forward pass, and a wish to die at a step.

    While the file that TOY_SLOW_WHILE names is there, each epoch takes half a second: a signal then meets a run, not its end.
    """

    def __init__(self, *, bits, num_classes, num_train, alpha=1.0, kill_at=-1, dropout=0.0):
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        self.alpha, self.kill_at, self.dropout = alpha, kill_at, dropout
        self.register_buffer("seen", torch.zeros(num_train, dtype=torch.int64))
        self.register_buffer("noise", torch.zeros(bits))
        self.register_buffer("first_codes", torch.zeros(num_train, bits))

    def activation(self, logits):
        return torch.tanh(F.dropout(logits, self.dropout, self.training))

    def end_epoch(self, fit):
        # The view shows the network under training, not a copy of how it began.
        assert fit.network.method is self
        self.codes_moved = float((fit.codes() - self.first_codes).abs().mean())
        self.noise += 0.1 * torch.randn(self.bits, generator=fit.generator)
        if os.path.exists(os.environ.get("TOY_SLOW_WHILE", "")):
            time.sleep(0.5)

    def begin_fit(self, fit):
        self.first_codes.copy_(fit.codes())
        assert fit.features().shape[0] == self.num_train == fit.codes().shape[0]
        self.noise.normal_(generator=fit.generator)

    def loss(self, batch):
        theta = 0.5 * self.alpha * batch.codes @ batch.codes.T
        return {"likelihood": (F.softplus(theta) - batch.similarity * theta).mean(), "pull": (batch.codes.mean(0) * self.noise).mean()}

    def after_step(self, fit, batch):
        self.seen[batch.index] += 1
        if fit.step == self.kill_at and os.environ.get("TOY_MAY_DIE"):
            os.kill(os.getpid(), signal.SIGKILL)

    def diagnostics(self):
        return {"times_seen": float(self.seen.float().mean()), "codes_moved": self.codes_moved}


class _Killed:
    kill_at = -1

    def after_step(self, fit, batch):
        super().after_step(fit, batch)
        if fit.step == self.kill_at and os.environ.get("TOY_MAY_DIE"):
            os.kill(os.getpid(), signal.SIGKILL)


class KilledStoM(_Killed, DualHashStoM):
    def __init__(self, *, kill_at=-1, **options):
        super().__init__(output="linear", lam=0.5, tau=0.04, **options)
        self.kill_at = kill_at


class KilledStoRM(_Killed, DualHashStoRM):
    def __init__(self, *, kill_at=-1, **options):
        super().__init__(output="linear", lam=0.5, tau=0.04, **options)
        self.kill_at = kill_at


class ToyShallow(ShallowMethod):
    supervised = False

    def _fit(self, X, y):
        self.mean_ = X.mean(0)
        self.directions_ = np.random.default_rng(self.random_state).normal(size=(X.shape[1], self.bits))

    def _project(self, X):
        return (X - self.mean_) @ self.directions_


class Diverging(DeepMethod):
    def loss(self, batch):
        return {"nothing": batch.codes.sum() * float("nan")}


class SingleLabel(DeepMethod):
    multilabel = False

    def loss(self, batch):
        return {"zero": batch.codes.sum() * 0}
'''


@pytest.fixture(scope="session")
def plugin(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "registry.yaml").write_text(REGISTRY)
    (folder / "toy_methods.py").write_text(METHODS)
    sys.path.insert(0, str(folder))
    return folder


@pytest.fixture
def catalog(plugin, tmp_path) -> Catalog:
    return load_catalog([plugin], folder=tmp_path)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))


SMALL = {"epochs": 4, "validate_every": 2, "batch_size": 128}


@pytest.fixture
def do_run(catalog, tmp_path):
    """do_run(method='toy', resume=..., out=..., **resolve arguments) -> Outcome."""

    def go(
        method="toy", *, resume=False, overwrite=False, out=None, bits=12, changes=None, reporter=None, **options
    ) -> Outcome:
        spec = resolve(
            catalog, method=method, bits=bits, changes=SMALL | (changes or {}), out=out or tmp_path / "runs", **options
        )
        return run(spec, catalog, reporter, resume=resume, overwrite=overwrite)

    return go
