"""The contrastive loss against a plain loop, its special values and its degenerate batches."""

from __future__ import annotations

import math

import pytest
import torch
from short_training import numeric_gradient, random_batch, slow_similarity

from hashbench_baselines.contrastive import contrastive


def slow(codes, labels, margin):
    near, far = [], []
    for i in range(len(codes)):
        for j in range(i + 1, len(codes)):
            distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(codes[i], codes[j], strict=True)))
            if slow_similarity(labels, i, j):
                near.append(distance**2 / 2)
            else:
                far.append(max(0.0, margin - distance) ** 2 / 2)
    return sum(near) / max(len(near), 1), sum(far) / max(len(far), 1)


@pytest.mark.parametrize("multilabel", [False, True])
def test_value_and_gradient_equal_the_equation(multilabel):
    batch = random_batch(5, 3, 9, num_train=9, multilabel=multilabel)
    terms = contrastive(batch.codes, batch.similarity, 3.0)
    near, far = slow(batch.codes.tolist(), batch.labels, 3.0)
    assert near > 0
    assert far > 0
    assert terms["similar"].item() == pytest.approx(near, abs=1e-12)
    assert terms["dissimilar"].item() == pytest.approx(far, abs=1e-12)
    (gradient,) = torch.autograd.grad(sum(terms.values()), batch.codes)
    expected = numeric_gradient(lambda codes: sum(slow(codes.tolist(), batch.labels, 3.0)), batch.codes.detach())
    assert torch.allclose(gradient, expected, atol=1e-7)


def test_a_share_of_a_tenth_weighs_pairs_as_a_random_draw_of_ten_classes_does():
    batch = random_batch(5, 3, 9, num_train=9)
    whole, tenth = (contrastive(batch.codes, batch.similarity, 3.0, share) for share in (0.5, 0.1))
    assert tenth["similar"].item() == pytest.approx(0.2 * whole["similar"].item())
    assert tenth["dissimilar"].item() == pytest.approx(1.8 * whole["dissimilar"].item())


@pytest.mark.parametrize(("distance", "expected"), [(0.0, 12.5), (2.0, 4.5), (5.0, 0.0), (7.0, 0.0)])
def test_dissimilar_pairs_are_pushed_apart_up_to_the_margin(distance, expected):
    codes = torch.tensor([[0.0, 0.0], [distance, 0.0]], requires_grad=True)
    terms = contrastive(codes, torch.eye(2), 5.0)
    assert terms["similar"].item() == 0
    assert terms["dissimilar"].item() == pytest.approx(expected)
    (gradient,) = torch.autograd.grad(sum(terms.values()), codes)
    assert gradient[1, 0].item() == pytest.approx(-(5 - distance) if 0 < distance < 5 else 0)


def test_similar_pairs_are_drawn_together():
    codes = torch.tensor([[0.0, 0.0], [3.0, 0.0]], requires_grad=True)
    terms = contrastive(codes, torch.ones(2, 2), 5.0)
    assert terms["similar"].item() == pytest.approx(4.5)
    assert terms["dissimilar"].item() == 0
    assert torch.autograd.grad(sum(terms.values()), codes)[0][1, 0].item() == pytest.approx(3)
