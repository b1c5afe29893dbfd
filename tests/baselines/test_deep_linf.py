"""Deep l-infinity siamese network: its start from data, its loss, its training and state."""

from __future__ import annotations

import pytest
import torch
from short_training import (
    gaussian_classes,
    random_batch,
    retrieval_map,
    train,
    view_of,
)

from hashbench.backbones.identity import Identity
from hashbench.errors import UserError
from hashbench.models import HashNetwork
from hashbench_baselines.contrastive import contrastive
from hashbench_baselines.deep_linf import DeepLinf


def make(**options) -> DeepLinf:
    return DeepLinf(bits=8, num_classes=4, num_train=160, **{"margin": 5.0, "ksvd_iterations": 3, **options})


def begin(method, hidden=(), seed=0):
    inputs, labels = gaussian_classes()
    torch.manual_seed(0)
    network = HashNetwork(Identity(inputs.shape[1]), method, hidden)
    fit = view_of(network, 3.0 * inputs, labels, seed)
    method.begin_fit(fit)
    return fit


def test_loss_is_equation_12_with_a_plus():
    batch = random_batch(8, 4, 10, num_train=160)
    expected = contrastive(batch.codes, batch.similarity, 5.0)
    for name, value in make().loss(batch).items():
        assert value.item() == expected[name].item()
        assert value.item() > 0


def test_share_reaches_the_loss():
    batch = random_batch(8, 4, 10, num_train=160)
    expected = contrastive(batch.codes, batch.similarity, 5.0, 0.1)
    for name, value in make(share=0.1).loss(batch).items():
        assert value.item() == expected[name].item()
        assert value.item() > 0


def test_start_is_at_the_bound_for_half_the_entries_whatever_the_scale_of_the_features():
    fit = begin(make())
    codes = fit.codes()
    bound = fit.network.method.first_bound
    assert bound == pytest.approx(5 / 4)  # m / sqrt(2 N): half of 8 bits different is at distance m
    assert codes.abs().max().item() == pytest.approx(bound, rel=1e-5)
    assert 0.3 < (codes.abs() > 0.99 * bound).float().mean() < 0.8


def test_start_uses_the_generator_of_the_method_alone():
    torch.manual_seed(1)
    first = begin(make(), seed=5).network.code_layer.state_dict()
    second = begin(make(), seed=5).network.code_layer.state_dict()
    other = begin(make(), seed=6).network.code_layer.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["analysis.weight"], other["analysis.weight"])


def test_hidden_layers_are_passed_through_and_left_alone():
    fit = begin(make(), hidden=(20,))
    assert fit.network.code_layer.analysis.weight.shape == (8, 20)
    assert fit.network.hidden[1].num_batches_tracked == 0


def test_random_start_keeps_the_first_weights():
    method = make(init="random")
    torch.manual_seed(0)
    untouched = HashNetwork(Identity(24), make(init="random")).code_layer.state_dict()
    after = begin(method).network.code_layer.state_dict()
    assert all(torch.equal(untouched[name], after[name]) for name in untouched)


def test_stages_are_untied_and_their_number_is_free():
    layer = make(stages=3).code_layer(24)
    assert len(layer.stages) == 3
    assert len({stage.weight.data_ptr() for stage in layer.stages}) == 3


def test_training_lowers_the_loss_and_retrieves():
    losses, fit = train(DeepLinf(bits=12, num_classes=4, num_train=160), epochs=25, lr=0.02)
    assert losses[-1] < 0.6 * losses[0]
    assert retrieval_map(fit) > 0.8  # chance is 0.25
    assert (fit.network.code_layer.neuron.threshold > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin = 0.0"),
        ({"share": 0.0}, "share = 0.0"),
        ({"stages": -1}, "stages = -1"),
        ({"beta": 0.0}, "beta = 0.0"),
        ({"init": "pca"}, "ksvd or random"),
        ({"sparsity": 0}, "sparsity = 0"),
        ({"ksvd_iterations": 0}, "ksvd_iterations = 0"),
    ],
)
def test_bad_hyper_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)


def test_more_bits_than_samples_are_refused_unless_the_start_is_random():
    with pytest.raises(UserError, match=r"dictionary of 64 atoms.* given 50: .*init=random"):
        DeepLinf(bits=64, num_classes=4, num_train=50)
    DeepLinf(bits=64, num_classes=4, num_train=50, init="random")
