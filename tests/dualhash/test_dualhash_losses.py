"""The similarity losses, values and gradients, against slow loops written from the equations."""

from __future__ import annotations

import math

import pytest
import torch

from hashbench.models.batch import similarity
from hashbench_dualhash.losses import pairwise, pointwise, triplet

LABELS = {
    "ids": torch.tensor([0, 1, 0, 2, 1, 0]),
    "multi-hot": torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]),
}


def codes(b: int = 6, bits: int = 5) -> torch.Tensor:
    made = torch.Generator().manual_seed(1)
    return torch.randn(b, bits, generator=made, dtype=torch.float64).requires_grad_()


def gradients(loss: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, u)[0]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_pairwise_against_the_equation_with_its_gradient(labels):
    u, alpha = codes(), 0.7
    s = similarity(labels, labels).double()
    b = len(u)
    value, gradient = 0.0, torch.zeros_like(u)
    for i in range(b):
        for j in range(b):
            theta = 0.5 * alpha * float(u[i].detach() @ u[j].detach())
            value += (max(theta, 0) + math.log1p(math.exp(-abs(theta))) - float(s[i, j]) * theta) / b**2
            slope = 1 / (1 + math.exp(-theta)) - float(s[i, j])
            gradient[i] += 0.5 * alpha * slope * u[j].detach() / b**2
            gradient[j] += 0.5 * alpha * slope * u[i].detach() / b**2
    loss = pairwise(u, s, alpha)
    assert float(loss.detach()) == pytest.approx(value, abs=1e-12)
    torch.testing.assert_close(gradients(loss, u), gradient, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("bits", "alpha", "same", "expected"),
    [(4, 1.0, 1.0, 0.1269280), (4, 1.0, 0.0, 2.1269280), (64, 0.1, 1.0, 0.0399533), (64, 0.1, 0.0, 3.2399533)],
)
def test_pairwise_on_identical_codes(bits, alpha, same, expected):
    u = torch.ones(2, bits, dtype=torch.float64)
    assert float(pairwise(u, torch.full((2, 2), same, dtype=torch.float64), alpha)) == pytest.approx(expected, abs=5e-8)


def test_pairwise_is_finite_where_the_exponential_is_not():
    u = torch.full((3, 4), 1000.0)
    assert torch.isfinite(pairwise(u, torch.ones(3, 3), 1.0))
    assert float(pairwise(u, torch.zeros(3, 3), 1.0)) == 2e6


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_triplet_against_the_equation_with_its_gradient(labels):
    u, alpha, margin = codes(), 0.7, 0.4
    s = similarity(labels, labels).double()
    terms = []
    for i in range(6):
        for p in range(6):
            for n in range(6):
                if p != i and s[i, p] == 1 and s[i, n] == 0:
                    gap = 0.5 * alpha * (u[i] @ u[p] - u[i] @ u[n]) - margin
                    terms.append(torch.log1p(torch.exp(-gap)))
    slow = torch.stack(terms).mean()
    loss = triplet(u, s, alpha, margin)
    torch.testing.assert_close(loss, slow, atol=1e-12, rtol=0)
    torch.testing.assert_close(gradients(loss, u), gradients(slow, u), atol=1e-12, rtol=0)


def test_triplet_on_perfect_codes_and_on_ties():
    perfect = torch.cat([torch.ones(2, 16), -torch.ones(2, 16)]).double()
    s = similarity(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 1])).double()
    assert float(triplet(perfect, s, 1.0, 8.0)) == pytest.approx(math.log1p(math.exp(-8.0)), rel=1e-10)
    assert float(triplet(torch.ones(4, 16).double(), s, 1.0, 8.0)) == pytest.approx(8.0003354, abs=5e-8)


def test_a_batch_without_a_triplet_gives_zero_and_no_gradient():
    u = codes(4)
    loss = triplet(u, torch.ones(4, 4, dtype=torch.float64), 1.0, 1.0)
    assert float(loss.detach()) == 0
    assert gradients(loss, u).abs().max() == 0


def test_pointwise_for_one_and_for_several_labels():
    scores = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 0.0]], dtype=torch.float64)
    single = -(1.0 - math.log(sum(map(math.exp, (1.0, -1.0, 0.5)))) + 2.0 - math.log(2 + math.exp(2.0))) / 2
    assert float(pointwise(scores, torch.tensor([0, 1]))) == pytest.approx(single, abs=1e-12)
    hot = torch.tensor([[1, 0, 1], [0, 1, 0]])
    pairs = zip(scores.flatten().tolist(), hot.flatten().tolist(), strict=True)
    several = sum(math.log1p(math.exp(-z if t else z)) for z, t in pairs)
    assert float(pointwise(scores, hot)) == pytest.approx(several / 6, abs=1e-12)
