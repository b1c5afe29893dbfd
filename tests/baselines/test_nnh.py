"""NNH: layers as compared with Deep l-infinity, loss, training and state."""

from __future__ import annotations

import pytest
import torch
from short_training import build, random_batch, retrieval_map, train, view_of

from hashbench.errors import UserError
from hashbench_baselines.contrastive import contrastive
from hashbench_baselines.nnh import NNH


def make(**options) -> NNH:
    return NNH(bits=12, num_classes=4, num_train=160, **options)


def test_three_tanh_layers_without_bias():
    network = build(make(), 24).double()
    a, b, c = network.code_layer.parameters()
    assert [tuple(weight.shape) for weight in (a, b, c)] == [(12, 24), (12, 12), (12, 12)]
    y = torch.randn(5, 24, dtype=torch.float64)
    expected = ((((y @ a.T).tanh() @ b.T).tanh()) @ c.T).tanh()
    assert torch.allclose(network(y).codes, expected)
    assert len(list(make(layers=1).code_layer(24).parameters())) == 1


def test_loss_is_the_contrastive_loss_of_the_codes():
    batch = random_batch(12, 4, 10, num_train=160, multilabel=True)
    expected = contrastive(batch.codes, batch.similarity, 2.0)
    terms = make(margin=2.0).loss(batch)
    assert {name: value.item() for name, value in terms.items()} == {name: v.item() for name, v in expected.items()}


def test_share_reaches_the_loss():
    batch = random_batch(12, 4, 10, num_train=160)
    expected = contrastive(batch.codes, batch.similarity, 5.0, 0.1)
    terms = make(margin=5.0, share=0.1).loss(batch)
    assert {name: value.item() for name, value in terms.items()} == {name: v.item() for name, v in expected.items()}


def test_features_are_standardised_by_the_training_samples():
    features = 0.1 + torch.rand(160, 24) * torch.linspace(0, 5, 24)  # all positive, the first constant
    method = make(standardise=True)
    network = build(method, 24)
    standardise = network.code_layer[0]
    assert torch.equal(standardise(features), features)  # before the fit
    method.begin_fit(view_of(network, features, torch.arange(160) % 4))
    deviation, mean = torch.std_mean(standardise(features), dim=0, correction=0)
    assert torch.allclose(mean, torch.zeros(24), atol=1e-5)
    assert torch.allclose(deviation, torch.tensor([0.0] + [1.0] * 23), atol=1e-5)
    again = build(make(standardise=True), 24)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(features).codes, network(features).codes)


def test_training_lowers_the_loss_and_retrieves():
    losses, fit = train(make(), epochs=25)
    assert losses[-1] < 0.6 * losses[0]
    assert retrieval_map(fit) > 0.8  # chance is 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [({"margin": 0.0}, "margin = 0.0"), ({"layers": 0}, "layers = 0"), ({"share": 1.0}, "share = 1.0")],
)
def test_bad_hyper_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)
