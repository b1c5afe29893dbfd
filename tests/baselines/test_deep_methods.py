"""What deep baselines share beside the conformance checks: refusals of their values, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench.backbones.identity import Identity
from hashbench.catalog import load_catalog
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel
from hashbench.engine.optim import build_optimizer
from hashbench.errors import UserError
from hashbench.evaluation import binarize, evaluate
from hashbench.models import HashNetwork
from hashbench_baselines.class_codes import ClassCodes
from hashbench_baselines.csq import CSQ
from hashbench_baselines.dhn import DHN
from hashbench_baselines.dpsh import DPSH
from hashbench_baselines.dsh import DSH
from hashbench_baselines.dtsh import DTSH
from hashbench_baselines.greedyhash import GreedyHash
from hashbench_baselines.hashnet import HashNet
from hashbench_baselines.orthohash import OrthoHash

METHODS = ("class_codes", "csq", "dhn", "dpsh", "dsh", "dtsh", "greedyhash", "hashnet", "orthohash")
BITS, CLASSES = 8, 5


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (HashNet, {"alpha": -1.0}),
        (HashNet, {"step_size": 0}),
        (HashNet, {"gamma": -0.1}),
        (HashNet, {"iterations": 0}),
        (HashNet, {"positive_weight": 0.0}),
        (DSH, {"margin_per_bit": 0.0}),
        (DSH, {"alpha": -1.0}),
        (DTSH, {"scale": 0.0}),
        (DTSH, {"lam": -1.0}),
        (DHN, {"scale": -1.0}),
        (DHN, {"lam": -1.0}),
        (DPSH, {"scale": 0.0}),
        (DPSH, {"eta": -1.0}),
        (GreedyHash, {"alpha": -1.0}),
        (CSQ, {"lam": -1.0}),
        (OrthoHash, {"s": 0.0}),
        (ClassCodes, {"mode": "medium"}),
    ],
)
def test_wrong_values_are_refused_in_one_line(cls, wrong):
    (key,) = wrong
    with pytest.raises(UserError, match=f"{key} = ") as error:
        cls(bits=BITS, num_classes=CLASSES, num_train=40, **wrong)
    assert "\n" not in str(error.value)


def clouds(per_class, seed):
    """Gaussian classes around five fixed points."""
    centers = 2.0 * torch.randn(CLASSES, 10, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(CLASSES * per_class) % CLASSES
    noise = torch.randn(len(labels), 10, generator=torch.Generator().manual_seed(seed))
    return centers[labels] + noise, labels


@pytest.mark.parametrize("name", METHODS)
def test_training_learns_to_retrieve(name):
    """With Adam: the loss falls, and held-out queries find their class far above chance."""
    torch.manual_seed(0)
    catalog = load_catalog()
    entry, cls = catalog.method(name), catalog.load_class("methods", name)
    features, labels = clouds(40, seed=1)
    method = cls(bits=16, num_classes=CLASSES, num_train=len(labels), **entry.hparams)
    network = HashNetwork(Identity(10), method, hidden=[16])
    optimizer = build_optimizer({"type": "Adam", "lr": 0.01}, network)
    plain = DeviceTransform("feature")
    feed = Feed(DataTable("clouds", features, labels, CLASSES), plain, plain, 50, "cpu", seed=0)
    training = Training(DeepModel(network, CLASSES), optimizer, feed, np.arange(len(labels)), epochs=15, seed=0)
    training.begin()
    losses = [training.epoch(number)["loss"] for number in range(15)]
    assert losses[-1] < 0.9 * losses[0]
    network.eval()
    queries, query_labels = clouds(20, seed=2)
    with torch.no_grad():
        found = [binarize(network(rows).codes.numpy()) for rows in (queries, features)]
    assert evaluate(*found, query_labels.numpy(), labels.numpy()).metrics["map"] > 0.8
