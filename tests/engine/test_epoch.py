"""One epoch: its order, its record, its random streams."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench.backbones.identity import Identity
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel
from hashbench.models import DeepMethod, HashNetwork


class Noted(DeepMethod):
    """Writes down what it is called with, and draws from the global stream in every loss."""

    def __init__(self, **facts):
        super().__init__(**facts)
        self.calls: list[tuple] = []

    def begin_fit(self, fit):
        self.calls.append(("begin_fit", float(torch.rand(()))))

    def begin_epoch(self, fit):
        self.calls.append(("begin_epoch", fit.epoch, fit.step, self.training))

    def loss(self, batch):
        return {"noise": (batch.codes * torch.rand_like(batch.codes)).sum(), "size": batch.codes.square().sum()}

    def after_step(self, fit, batch):
        assert not batch.codes.requires_grad
        self.calls.append(("after_step", fit.epoch, fit.step))

    def end_epoch(self, fit):
        self.calls.append(("end_epoch", fit.epoch, fit.step))

    def diagnostics(self):
        return {"answer": 42.0}


def training(seed=0) -> Training:
    torch.manual_seed(0)
    table = DataTable("rows", torch.randn(10, 3), torch.arange(10) % 2, 2)
    network = HashNetwork(Identity(3), Noted(bits=4, num_classes=2, num_train=10))
    plain = DeviceTransform("feature")
    feed = Feed(table, plain, plain, 4, "cpu", seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    return Training(DeepModel(network, 2), optimizer, feed, np.arange(10), epochs=5, seed=seed)


def test_a_method_is_called_in_the_order_of_its_contract():
    one = training()
    one.begin()
    one.epoch(2)
    assert [call[0] for call in one.method.calls] == ["begin_fit", "begin_epoch", *["after_step"] * 3, "end_epoch"]
    assert one.method.calls[1:] == [
        ("begin_epoch", 2, 6, True),
        ("after_step", 2, 7),
        ("after_step", 2, 8),
        ("after_step", 2, 9),
        ("end_epoch", 3, 9),
    ]


def test_the_record_has_the_means_of_the_terms_over_the_steps():
    seen, before = [], []
    record = training().epoch(
        0,
        before_step=lambda position, data: before.append((position, len(data["index"]))),
        after_step=lambda position, data, terms: seen.append({name: float(value) for name, value in terms.items()}),
    )
    assert before == [(0, 4), (1, 4), (2, 2)]
    assert list(record) == ["epoch", "loss", "noise", "size", "lr", "answer", "seconds"]
    assert (record["epoch"], record["lr"], record["answer"]) == (1, 0.01, 42.0)
    for name in ("noise", "size"):
        assert record[name] == pytest.approx(np.mean([terms[name] for terms in seen]), rel=1e-6)
    assert record["loss"] == record["noise"] + record["size"]


def test_an_epoch_depends_on_its_number_and_the_seed_alone():
    def terms(seed, number, noise):
        one = training(seed)
        torch.manual_seed(noise)
        record = one.epoch(number)
        return record["noise"], record["size"]

    assert terms(0, 1, noise=1) == terms(0, 1, noise=2)
    assert terms(0, 1, noise=1) != terms(0, 2, noise=1)
    assert terms(0, 1, noise=1) != terms(1, 1, noise=1)
