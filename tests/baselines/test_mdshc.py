"""MDSHC: the three losses against plain loops, the momentum encoder, the centres it takes, its state."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from short_training import (
    assert_finite,
    build,
    degenerate_batches,
    gaussian_classes,
    numeric_gradient,
    random_batch,
    retrieval_map,
    slow_similarity,
    train,
    training_on,
    view_of,
)

from hashbench.errors import UserError
from hashbench.models import CodeBatch
from hashbench_baselines.distance_bounds import target_distance
from hashbench_baselines.hash_centres import distances
from hashbench_baselines.mdshc import MDSHC, centre_loss


def make(**options) -> MDSHC:
    return MDSHC(bits=8, num_classes=3, num_train=20, **options)


def cosine(u: list[float], v: list[float]) -> float:
    inner = sum(a * b for a, b in zip(u, v, strict=True))
    return inner / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))


def slow_losses(u, v, labels, rows, bank_labels, centres, beta, lam):
    """L_C, beta L_P, lam L_Q of (b, K) codes u against all (N, K) codes v, sample by sample."""
    bits, classes = len(u[0]), len(centres)
    centre = pair = positives = quantization = 0.0
    for i, code in enumerate(u):
        exponentials = [math.exp(math.sqrt(bits) * cosine(code, h)) for h in centres]
        for c in range(classes):
            p = exponentials[c] / sum(exponentials)
            has = bool(labels[i, c]) if labels.ndim == 2 else int(labels[i]) == c
            centre -= math.log(p) if has else math.log(1 - p)
        for j, other in enumerate(v):
            if slow_similarity(bank_labels, rows[i], j):
                pair += math.log(1 + math.exp((1 - cosine(code, other)) / 2))
                positives += 1
        quantization += sum((abs(a) - 1) ** 2 for a in code)
    return {
        "centre": centre / len(u) / classes,
        "pair": beta * pair / positives,
        "quantization": lam * quantization / len(u) / bits,
    }


@pytest.mark.parametrize("multilabel", [False, True])
def test_losses_and_gradient_equal_the_equations(multilabel):
    method = make(beta=0.7, lam=0.3, epoch_change=0).double()
    everyone = random_batch(8, 3, 20, num_train=20, multilabel=multilabel, seed=5)
    labels = torch.empty_like(everyone.labels)
    labels[everyone.index] = everyone.labels
    bank = torch.empty(20, 8, dtype=torch.float64)
    bank[everyone.index] = everyone.codes.detach()
    method.bank.write(everyone.index, everyone.codes, everyone.targets)
    rows = [3, 11, 5, 8]
    u = torch.randn(4, 8, dtype=torch.float64).tanh().requires_grad_()
    batch = CodeBatch(u, u, labels[rows], torch.tensor(rows), 3)
    bank[rows] = u.detach()  # without a momentum encoder the batch's own codes are its rows
    arguments = (labels[rows], rows, labels, method.centres.tolist(), 0.7, 0.3)
    expected = slow_losses(u.tolist(), bank.tolist(), *arguments)
    terms = method.loss(batch)
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-12)

    def value(codes):
        return sum(slow_losses(codes.tolist(), bank.tolist(), *arguments).values())

    (gradient,) = torch.autograd.grad(sum(terms.values()), u)
    assert torch.allclose(gradient, numeric_gradient(value, u.detach()), atol=1e-8)


def test_centre_loss_of_a_certain_prediction_is_exact_in_float32():
    scores = torch.tensor([[40.0, 0.0, 0.0]], requires_grad=True)
    wrong = centre_loss(scores, torch.tensor([[0.0, 1.0, 0.0]]))
    # -(log p_1 + log(1 - p_0) + log(1 - p_2)) / 3: p_1 = e^-40, 1 - p_0 = 2 e^-40, 1 - p_2 = 1
    assert wrong.item() == pytest.approx((40 + 40 - math.log(2)) / 3, rel=1e-6)
    (gradient,) = torch.autograd.grad(wrong, scores)
    assert torch.isfinite(gradient).all()
    assert centre_loss(scores, torch.tensor([[1.0, 0.0, 0.0]])).item() == pytest.approx(0, abs=1e-6)


def test_equal_scores_give_the_value_of_the_uniform_distribution():
    value = centre_loss(torch.zeros(2, 4), torch.eye(4)[:2])
    assert value.item() == pytest.approx(-(math.log(1 / 4) + 3 * math.log(3 / 4)) / 4, abs=1e-6)


def test_pairs_count_from_the_epoch_of_change_on():
    method = make(epoch_change=2)
    batch = random_batch(8, 3, 6, num_train=20)
    assert "pair" not in method.loss(batch)
    method.epoch = 2
    assert "pair" in method.loss(batch)


def test_begin_fit_finds_separated_centres_from_the_generator_alone():
    inputs, labels = gaussian_classes(20, 10, 3)

    def centres(seed):
        method = MDSHC(bits=12, num_classes=5, num_train=20)
        fit = view_of(build(method, 10), inputs, labels, seed)
        np.random.seed(seed + 100)
        method.begin_fit(fit)
        assert method.diagnostics() == {"centre_distance": distances(method.centres.double().numpy()).min()}
        return method.centres

    first = centres(0)
    assert distances(first.double().numpy()).min() >= target_distance(12, 5)
    assert torch.equal(first, centres(0))
    assert not torch.equal(first, centres(1))


def test_hadamard_centres_are_the_starting_point():
    inputs, labels = gaussian_classes(20, 10, 3)
    method = make(centres="hadamard")
    method.begin_fit(view_of(build(method, 10), inputs, labels))
    assert (distances(method.centres.double().numpy()) == 4).all()


def test_momentum_encoder_follows_the_network_and_fills_the_bank():
    inputs, labels = gaussian_classes(40, 10, 3)
    method = MDSHC(bits=8, num_classes=3, num_train=40, momentum=0.8, epoch_change=0)
    network = build(method, 10)
    training = training_on(network, inputs, labels, lr=0.5, momentum=0.0)
    training.begin()
    training.begin_epoch(0)
    average = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for rows in torch.arange(40).split(10):
        weight, shift = average["code_layer.0.weight"], average["code_layer.0.bias"]
        logits = inputs[rows] @ weight.T + shift
        deviation = (logits.var(dim=0, unbiased=False) + 1e-5).sqrt()
        normal = (logits - logits.mean(dim=0)) / deviation
        expected = (normal * average["code_layer.1.weight"] + average["code_layer.1.bias"]).tanh()
        training.step({"inputs": inputs[rows], "labels": labels[rows], "index": rows})
        assert torch.allclose(method.bank.codes[rows], expected, atol=1e-5)
        for name, parameter in network.named_parameters():
            average[name] = 0.8 * average[name] + 0.2 * parameter.detach()
    for name, value in average.items():
        assert torch.allclose(dict(method.encoder.named_buffers())[name.replace(".", "/")], value, atol=1e-6)
    assert network.code_layer[1].num_batches_tracked == 4  # the second encoder left running statistics alone


def test_frozen_weights_are_not_copied():
    inputs, labels = gaussian_classes(40, 10, 3)
    method = MDSHC(bits=8, num_classes=3, num_train=40)
    network = build(method, 10)
    network.code_layer[0].requires_grad_(False)
    method.begin_fit(view_of(network, inputs, labels))
    assert {name for name, _ in method.encoder.named_buffers()} == {"code_layer/1/weight", "code_layer/1/bias"}


@pytest.mark.parametrize("epoch_change", [0, 9])
def test_degenerate_batches_stay_finite(epoch_change):
    for batch in degenerate_batches(8, 3, 20).values():
        assert_finite(make(epoch_change=epoch_change), batch)


def test_a_step_on_a_batch_that_the_loss_did_not_see_last_encodes_it_again():
    method = make(epoch_change=0)
    batches = degenerate_batches(8, 3, 20)
    method.loss(batches["all different"])
    method.after_step(None, batches["one sample"])
    assert torch.equal(method.bank.codes[0], batches["one sample"].codes[0])
    assert method.bank.known.sum() == 1


def test_training_lowers_the_loss_and_retrieves():
    losses, fit = train(MDSHC(bits=12, num_classes=4, num_train=160, epoch_change=8))
    assert losses[7] < 0.6 * losses[0]  # before pairs are added
    assert losses[-1] < losses[8]
    assert retrieval_map(fit) > 0.8  # chance is 0.25


def test_state_survives_a_checkpoint_and_training_goes_on_as_without():
    _, fit = train(MDSHC(bits=8, num_classes=4, num_train=160, epoch_change=1), epochs=2)
    old = fit.network
    new = build(MDSHC(bits=8, num_classes=4, num_train=160, epoch_change=1), 24, seed=9)
    new.load_state_dict(old.state_dict())  # strict: the momentum weights come with it, begin_fit is not called
    assert new.state_dict().keys() == old.state_dict().keys()
    rows = torch.arange(0, 80, 2)
    for network in (old, new):
        inputs, labels = gaussian_classes()
        training = training_on(network, inputs, labels, lr=0.1, momentum=0.0)
        training.begin_epoch(2)
        training.step({"inputs": inputs[rows], "labels": labels[rows], "index": rows})
    for name, value in old.state_dict().items():
        assert torch.equal(value, new.state_dict()[name]), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, "beta = -1.0"),
        ({"lam": -1.0}, "lam = -1.0"),
        ({"momentum": 1.0}, "momentum = 1.0"),
        ({"epoch_change": -1}, "epoch_change = -1"),
        ({"centres": "best"}, "separated or hadamard"),
        ({"centre_sweeps": -1}, "centre_sweeps = -1"),
    ],
)
def test_bad_hyper_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)


def test_more_classes_than_codes_are_refused():
    with pytest.raises(UserError, match="20 classes need as many centres, and 4 bits give 16"):
        MDSHC(bits=4, num_classes=20, num_train=100)
    with pytest.raises(UserError, match="at least 2"):
        MDSHC(bits=4, num_classes=1, num_train=100)


def test_the_momentum_encoder_is_asked_from_one_epoch_before_its_codes_count():
    asked = []

    class Spy(torch.nn.Module):
        ready = True

        def forward(self, inputs):
            asked.append(method.epoch)
            return torch.zeros(len(inputs), 6, dtype=torch.float64)

    method = MDSHC(bits=6, num_classes=3, num_train=20, epoch_change=3).double()
    method.encoder = Spy()
    batch = random_batch(6, 3, 7, num_train=20)
    batch.inputs = torch.zeros(7, 2)
    counted = []
    for method.epoch in range(5):
        counted.append("pair" in method.loss(batch))
    assert asked == [2, 3, 4]
    assert counted == [False, False, False, True, True]


def test_code_layer_starts_with_the_authors_spread():
    torch.manual_seed(0)
    layer = MDSHC(bits=16, num_classes=3, num_train=9).code_layer(200)
    assert float(layer[0].weight.detach().std()) == pytest.approx(0.01, rel=0.1)
    assert not layer[0].bias.any()


def test_many_centres_are_announced_with_what_is_quicker():
    options = {"bits": 32, "num_train": 10}
    with pytest.warns(UserWarning, match=r"200 centres of 32 bits .* up to 50 sweeps: minutes.*centre_sweeps=0"):
        MDSHC(num_classes=200, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MDSHC(num_classes=100, **options)
        MDSHC(num_classes=200, centres="hadamard", **options)
        MDSHC(num_classes=200, centre_sweeps=0, **options)
