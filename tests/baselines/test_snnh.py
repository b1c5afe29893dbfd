"""SNNH: sparse codes and how their zeros become bits, its start from data, training and state."""

from __future__ import annotations

import pytest
import torch
from short_training import (
    build,
    gaussian_classes,
    random_batch,
    retrieval_map,
    train,
    view_of,
)

from hashbench.errors import UserError
from hashbench_baselines.contrastive import contrastive
from hashbench_baselines.snnh import SNNH


def make(**options) -> SNNH:
    return SNNH(bits=12, num_classes=4, num_train=160, **{"margin": 5.0, "zeros": 0.5, "ksvd_iterations": 3, **options})


def begin(method):
    inputs, labels = gaussian_classes()
    fit = view_of(build(method, 24), 3.0 * inputs, labels)
    method.begin_fit(fit)
    return fit


def test_zeros_are_bit_0_and_nothing_else_changes():
    method = make(output="sparse")
    z = torch.tensor([[0.0, -0.0, 0.7, -0.7, 1e-30]], requires_grad=True)
    codes = method.activation(z)
    assert (codes >= 0).tolist() == [[False, False, True, False, True]]
    assert torch.equal(codes.detach()[0, 2:4], z.detach()[0, 2:4])
    assert codes.detach().sub(z.detach()).abs().max() < 1e-37
    (gradient,) = torch.autograd.grad(codes.sum(), z)
    assert torch.equal(gradient, torch.ones_like(z))
    assert (method.activation(z.bfloat16()) >= 0).tolist() == [[False, False, True, False, True]]


def test_tanh_output_adds_a_layer():
    network = build(make(output="tanh"), 24)
    y = torch.randn(5, 24)
    encoder, last = network.code_layer
    assert torch.allclose(network(y).codes, last(encoder(y)).tanh())


@pytest.mark.parametrize("zeros", [0.3, 0.7])
def test_start_has_the_wanted_share_of_zeros_and_the_size_of_codes_at_the_margin(zeros):
    fit = begin(make(output="sparse", zeros=zeros, stages=0))
    z = fit.network(fit.features()).logits.detach()
    assert (z == 0).float().mean().item() == pytest.approx(zeros, abs=0.01)
    assert z.square().mean().sqrt().item() == pytest.approx(5 / 24**0.5, rel=1e-3)


def test_loss_is_the_contrastive_loss_of_the_codes():
    batch = random_batch(12, 4, 10, num_train=160, multilabel=True)
    expected = contrastive(batch.codes, batch.similarity, 5.0)
    assert {n: v.item() for n, v in make().loss(batch).items()} == {n: v.item() for n, v in expected.items()}


def test_share_reaches_the_loss():
    batch = random_batch(12, 4, 10, num_train=160, multilabel=True)
    expected = contrastive(batch.codes, batch.similarity, 5.0, 0.1)
    assert {n: v.item() for n, v in make(share=0.1).loss(batch).items()} == {n: v.item() for n, v in expected.items()}


@pytest.mark.parametrize(("output", "least"), [("sparse", 0.55), ("tanh", 0.7)])  # chance is 0.25
def test_training_lowers_the_loss_and_retrieves(output, least):
    losses, fit = train(make(output=output), epochs=25, lr=0.02)
    assert losses[-1] < 0.6 * losses[0]
    assert retrieval_map(fit) > least


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin = 0.0"),
        ({"share": 0.0}, "share = 0.0"),
        ({"stages": -1}, "stages = -1"),
        ({"output": "relu"}, "sparse or tanh"),
        ({"zeros": 1.0}, "zeros = 1.0"),
        ({"init": "pca"}, "ksvd or random"),
        ({"sparsity": 0}, "sparsity = 0"),
    ],
)
def test_bad_hyper_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)
