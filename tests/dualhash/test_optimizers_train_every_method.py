"""StoM and StoRM train every deep method that does not refuse them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import resolve
from hashbench.testing import Subject
from hashbench.testing.training import FIRST, ShortTraining

DEEP = [name for name, entry in load_catalog().methods.items() if entry.kind == "deep"]


def trainable_by(optimizer: str) -> list[str]:
    """Deep methods that do not refuse an optimizer."""
    methods = load_catalog().methods
    return [name for name in DEEP if optimizer in (methods[name].optimizers or [optimizer])]


@lru_cache
def trained_with(optimizer: str) -> Catalog:
    """The catalogue with the optimizer of every such method replaced as `--set optimizer.type=...` replaces it."""
    catalog = load_catalog()
    for name in trainable_by(optimizer):
        spec = resolve(catalog, method=name, sets=[f"optimizer.type={optimizer}", "optimizer.lr=0.05"], out=Path())
        catalog.methods[name] = catalog.methods[name].model_copy(update={"optimizer": spec.optimizer})
    return catalog


@pytest.mark.parametrize(
    ("method", "optimizer"), [(name, optimizer) for optimizer in ("StoM", "StoRM") for name in trainable_by(optimizer)]
)
def test_every_deep_method_trains(method, optimizer):
    training = ShortTraining(Subject(method, trained_with(optimizer))).begin()
    assert type(training.training.optimizer).__name__ == optimizer
    before = [p.detach().clone() for p in training.network.code_layer.parameters()]
    training.epoch(FIRST).epoch(FIRST + 1)
    losses = [sum(terms.values()) for terms in training.losses]
    assert all(abs(loss) < float("inf") for loss in losses)
    moved = [not torch.equal(p, old) for p, old in zip(training.network.code_layer.parameters(), before, strict=True)]
    assert any(moved)
    if optimizer == "StoRM":  # two gradients of each sample but in the very first step
        assert all("previous" in training.training.optimizer.state[p] for p in training.network.code_layer.parameters())


@pytest.mark.parametrize("method", ["dualhash_likelihood", "dualhash_stom", "dualhash_storm"])
def test_what_a_method_records_is_of_the_first_pass(method):
    training = ShortTraining(Subject(method, trained_with("StoRM"))).begin().epoch(FIRST)
    steps = len(training.training.loader)
    assert len(training.method.record.losses) == steps
    assert training.method.diagnostics()["oracle_calls"] == 60 + 60 - 20  # both passes count, but the first step's one
