"""DCH keeps the contract of a method, and its loss is the paper's equation."""

from __future__ import annotations

import math

import pytest
import torch
from hashbench_example_plugin.dch import DCH

from hashbench.errors import UserError
from hashbench.models import CodeBatch
from hashbench.testing import parametrize_with_checks

BITS = 4


@parametrize_with_checks("dch")
def test_conformance(check):
    check()


def slow_loss(logits, labels, gamma, lam):
    """The equation, pair by pair."""

    def distance(u, v):
        return BITS / 2 * (1 - torch.dot(u, v) / (u.norm() * v.norm()))

    codes = logits.tanh()
    similar, dissimilar = [], []
    for i, u in enumerate(codes):
        for j, v in enumerate(codes):
            if i == j:
                continue
            s, d = float(labels[i] == labels[j]), distance(u, v)
            term = s * torch.log(d / gamma) + torch.log(1 + gamma / d)
            (similar if s else dissimilar).append(term)
    quantization = sum(torch.log(1 + distance(u.abs(), torch.ones_like(u)) / gamma) for u in codes) / len(codes)
    return sum(similar) / len(similar) + sum(dissimilar) / len(dissimilar) + lam * quantization


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradient_equal_the_equation(seed):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, BITS, generator=draw, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 0, 2, 1, 0])
    method = DCH(bits=BITS, num_classes=3, num_train=6, gamma=7.0, lam=0.3)
    ours = sum(method.loss(CodeBatch(logits.tanh(), logits, labels, torch.arange(6), 3)).values())
    theirs = slow_loss(logits, labels, 7.0, 0.3)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(total, logits)[0] for total in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-10)


def test_a_collision_of_dissimilar_samples_costs_much_but_not_infinitely_much():
    logits = torch.full((2, BITS), 3.0)
    method = DCH(bits=BITS, num_classes=2, num_train=2)
    terms = method.loss(CodeBatch(logits.tanh(), logits, torch.tensor([0, 1]), torch.arange(2), 2))
    assert float(terms["dissimilar"]) == pytest.approx(math.log1p(20.0 / 1e-3), rel=1e-4)


@pytest.mark.parametrize("wrong", [{"gamma": 0.0}, {"lam": -1.0}])
def test_wrong_values_are_refused(wrong):
    (key,) = wrong
    with pytest.raises(UserError, match=f"dch: {key} = "):
        DCH(bits=BITS, num_classes=3, num_train=6, **wrong)
