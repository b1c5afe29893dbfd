"""DSDH: the loss against plain loops, the W-step and the coordinate descent, its state."""

from __future__ import annotations

import math
from itertools import pairwise

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
    view_of,
)

from hashbench.errors import UserError
from hashbench.models import CodeBatch
from hashbench_baselines.dcc import classifier, descend, signs
from hashbench_baselines.dsdh import DSDH


def make(**options) -> DSDH:
    """With the paper's scale, and the pull that eta implies, unless said."""
    return DSDH(**{"bits": 6, "num_classes": 3, "num_train": 20, "scale": 0.5, "eta_network": None, **options})


def pair_term(u: list[float], v: list[float], similar: bool) -> float:
    theta = sum(a * b for a, b in zip(u, v, strict=True)) / 2
    return math.log1p(math.exp(theta)) - similar * theta


def targets_of(labels: torch.Tensor, classes: int) -> torch.Tensor:
    return labels.double() if labels.ndim == 2 else torch.nn.functional.one_hot(labels, classes).double()


@pytest.mark.parametrize("multilabel", [False, True])
def test_loss_with_the_batch_as_partners_equals_the_equation(multilabel):
    method = make(partners="batch", eta=5.0)
    batch = random_batch(6, 3, 7, num_train=20, multilabel=multilabel)
    u = batch.codes.tolist()
    terms = method.loss(batch)
    likelihood = (
        sum(pair_term(u[i], u[j], slow_similarity(batch.labels, i, j)) for i in range(7) for j in range(7)) / 49
    )
    pull = sum((a - (1 if a >= 0 else -1)) ** 2 for row in u for a in row) / 7 * 5.0 / 20
    assert terms["likelihood"].item() == pytest.approx(likelihood, abs=1e-12)
    assert terms["quantization"].item() == pytest.approx(pull, abs=1e-12)

    def value(codes):
        return sum(method.loss(CodeBatch(codes, codes, batch.labels, batch.index, 3)).values()).item()

    (gradient,) = torch.autograd.grad(sum(terms.values()), batch.codes)
    assert torch.allclose(gradient, numeric_gradient(value, batch.codes.detach()), atol=1e-7)


@pytest.mark.parametrize("multilabel", [False, True])
def test_bank_gives_twice_the_mean_over_all_samples_and_the_gradient_of_both_sides(multilabel):
    method = make(eta=0.0, partners="bank").double()
    everyone = random_batch(6, 3, 20, num_train=20, multilabel=multilabel, seed=4)
    method.bank.write(everyone.index, everyone.codes.detach(), targets_of(everyone.labels, 3))
    rows = torch.tensor([3, 11, 5])
    u = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    batch = CodeBatch(u, u, everyone.labels[rows], everyone.index[rows], 3)
    loss = method.loss(batch)["likelihood"]
    v = everyone.codes.detach().clone()
    v[rows] = u.detach()
    value, gradient = 0.0, torch.zeros(3, 6, dtype=torch.float64)
    for i, row in enumerate(rows.tolist()):
        for j in range(20):
            similar = slow_similarity(everyone.labels, row, j)
            value += pair_term(u[i].tolist(), v[j].tolist(), similar)
            gradient[i] += (torch.sigmoid(u[i].detach() @ v[j] / 2) - float(similar)) * v[j]  # the authors' (A - S) U
    assert loss.item() == pytest.approx(2 * value / 60, abs=1e-12)
    assert torch.allclose(torch.autograd.grad(loss, u)[0], gradient / 60, atol=1e-12)


def test_rows_that_were_never_seen_do_not_count():
    method = make(partners="bank").double()
    batch = random_batch(6, 3, 5, num_train=20)
    alone = make(partners="batch").double()
    assert method.loss(batch)["likelihood"].item() == pytest.approx(
        2 * alone.loss(batch)["likelihood"].item(), abs=1e-12
    )


def test_special_values_of_the_likelihood():
    u = torch.ones(1, 4, dtype=torch.float64)
    same = make(bits=4, num_classes=2, num_train=2, partners="batch")
    one = same.loss(CodeBatch(u, u, torch.tensor([0]), torch.tensor([0]), 2))
    assert one["likelihood"].item() == pytest.approx(0.1269280, abs=1e-7)
    assert one["quantization"].item() == 0
    two = torch.ones(2, 4, dtype=torch.float64)
    both = same.loss(CodeBatch(two, two, torch.tensor([0, 1]), torch.tensor([0, 1]), 2))
    assert both["likelihood"].item() == pytest.approx((0.1269280 + 2.1269280) / 2, abs=1e-7)


def objective(b, w, y, u, mu, nu, eta):
    return float(mu * (y - b @ w).square().sum() + nu * w.square().sum() + eta * (b - u).square().sum())


@pytest.mark.parametrize("multilabel", [False, True])
def test_objective_never_increases_over_w_and_every_bit(multilabel):
    torch.manual_seed(0)
    mu, nu, eta = 2.0, 0.3, 0.7
    y = (torch.rand(60, 5) < 0.4).double() if multilabel else torch.eye(5, dtype=torch.float64)[torch.arange(60) % 5]
    u = torch.randn(60, 8, dtype=torch.float64)
    b, w = signs(torch.randn(60, 8)).double(), torch.zeros(8, 5, dtype=torch.float64)
    values = [objective(b, w, y, u, mu, nu, eta)]
    for _ in range(6):
        w = classifier(b, y, nu / mu)
        values.append(objective(b, w, y, u, mu, nu, eta))
        b = descend(b, w, y, u, eta / mu, sweeps=1)
        values.append(objective(b, w, y, u, mu, nu, eta))
    assert all(after <= before + 1e-9 for before, after in pairwise(values))
    assert values[-1] < 0.9 * values[0]


def test_w_step_is_the_minimum_and_a_bit_is_the_better_of_two():
    torch.manual_seed(1)
    y, u = torch.eye(3, dtype=torch.float64)[torch.arange(12) % 3], torch.randn(12, 5, dtype=torch.float64)
    b = signs(torch.randn(12, 5)).double()
    w = classifier(b, y, 0.5).requires_grad_()
    (gradient,) = torch.autograd.grad((y - b @ w).square().sum() + 0.5 * w.square().sum(), w)
    assert gradient.abs().max() < 1e-12
    w = w.detach()
    found = descend(b, w, y, u, 0.7, sweeps=1)
    slow = b.clone()
    for k in range(5):  # all samples, one bit after the other, both values tried
        for n in range(12):
            tried = {}
            for bit in (-1.0, 1.0):
                slow[n, k] = bit
                tried[bit] = objective(slow[n], w, y[n], u[n], 1.0, 0.0, 0.7)
            slow[n, k] = min(tried, key=tried.get)
    assert torch.equal(found, slow)
    assert set(found.unique().tolist()) <= {-1.0, 1.0}


def test_descent_from_zero_sets_every_bit_and_stops_at_a_fixed_point():
    torch.manual_seed(2)
    y, u = torch.eye(3)[torch.arange(30) % 3], torch.zeros(30, 7)
    w = classifier(signs(torch.randn(30, 7)), y, 0.1)
    found = descend(torch.zeros(30, 7), w, y, u, 1.0, sweeps=50)
    assert found.abs().eq(1).all()
    assert torch.equal(descend(found, w, y, u, 1.0, sweeps=1), found)


def papers_codes(start, first, y, u, mu, nu, eta, sweeps):
    """W and B of J as in equations (8) to (14): W where its gradient is zero for the codes `first`, then bit by bit."""
    bits = len(u[0])
    gram = mu * first.T @ first + nu * torch.eye(bits, dtype=torch.float64)
    w = torch.linalg.inv(gram) @ (mu * first.T @ y)
    b = start.clone()
    for _ in range(sweeps):
        for k in range(bits):
            for n in range(len(u)):
                tried = {}
                for bit in (1.0, -1.0):
                    b[n, k] = bit
                    tried[bit] = mu * float(((y[n] - b[n] @ w) ** 2).sum()) + eta * float(((b[n] - u[n]) ** 2).sum())
                b[n, k] = min(tried, key=tried.get)
    return w, b


WEIGHTS = [(2.0, 30.0, 0.4), (0.25, 4.0, 0.06), (3.0, 0.7, 1.5)]


@pytest.mark.parametrize(("mu", "nu", "eta"), WEIGHTS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_an_epoch_ends_with_the_papers_classifier_and_codes(mu, nu, eta, multilabel):
    method = make(num_train=40, mu=mu, nu=nu, eta=eta, sweeps=2).double()
    everyone = random_batch(6, 3, 40, num_train=40, multilabel=multilabel, seed=8)
    method.bank.write(everyone.index, everyone.codes.detach(), targets_of(everyone.labels, 3))
    method.B.copy_(signs(torch.randn(40, 6, generator=torch.Generator().manual_seed(1))))
    u, y = method.bank.codes.double(), method.bank.targets.double()
    w, b = papers_codes(method.B, method.B, y, u, mu, nu, eta, sweeps=2)
    changed = float((b != method.B).double().mean())
    method.end_epoch(None)
    torch.testing.assert_close(method.W, w)
    assert torch.equal(method.B, b)
    assert method.diagnostics()["dcc_flipped"] == pytest.approx(changed)
    assert method.eta_network == pytest.approx(eta * 6 / 40)


@pytest.mark.parametrize(("mu", "nu", "eta"), WEIGHTS)
def test_a_batch_ends_with_the_papers_codes(mu, nu, eta):
    found, expected, other = [], [], []
    for seed in range(6):
        method = make(mu=mu, nu=nu, eta=eta, sweeps=3, dcc="batch").double()
        batch = random_batch(6, 3, 9, num_train=20, seed=seed)
        u = batch.codes.detach()
        expected.append(papers_codes(torch.zeros_like(u), signs(u), batch.targets, u, mu, nu, eta, sweeps=3)[1])
        other.append(papers_codes(torch.zeros_like(u), signs(u), batch.targets, u, mu, 50 * nu, eta, sweeps=3)[1])
        found.append(method.binary_codes(batch))
    assert torch.equal(torch.cat(found), torch.cat(expected))
    assert not torch.equal(torch.cat(expected), torch.cat(other)), "the ridge matters to these codes"


def test_epoch_updates_lower_the_objective_and_leave_binary_codes():
    inputs, labels = gaussian_classes(20, 10, 3)
    method = make(eta=0.5, nu=0.1)
    fit = view_of(build(method, 10), inputs, labels)
    method.begin_fit(fit)
    assert torch.equal(method.B, signs(method.bank.codes))
    y = torch.nn.functional.one_hot(labels, 3).float()
    before = objective(method.B, classifier(method.B, y, 0.1), y, method.bank.codes, 1.0, 0.1, 0.5)
    method.end_epoch(fit)
    assert objective(method.B, method.W, y, method.bank.codes, 1.0, 0.1, 0.5) <= before + 1e-4
    assert method.B.abs().eq(1).all()
    assert 0 < method.diagnostics()["dcc_flipped"] < 1


def test_a_batch_of_its_own_has_codes_from_its_own_classifier():
    method = make(dcc="batch", eta=2.0, nu=0.6).double()
    batch = random_batch(6, 3, 9, num_train=20)
    u, y = batch.codes.detach(), batch.targets
    w = classifier(signs(u), y, 0.6)
    expected = descend(torch.zeros_like(u), w, y, u, 2.0, 10)
    assert torch.equal(method.binary_codes(batch), expected)
    pull = 2.0 * (expected - u).square().sum() / 9 / 20
    assert method.loss(batch)["quantization"].item() == pytest.approx(pull.item(), abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"partners": "batch"}, {"dcc": "batch"}])
def test_degenerate_batches_stay_finite(options):
    for batch in degenerate_batches(6, 3, 20).values():
        assert_finite(make(**options), batch)


@pytest.mark.parametrize("options", [{"eta": 5.0}, {"partners": "batch", "eta": 5.0}, {"dcc": "batch", "eta": 5.0}])
def test_training_lowers_the_loss_and_retrieves(options):
    losses, fit = train(DSDH(bits=12, num_classes=4, num_train=160, **options))
    assert losses[-1] < 0.6 * losses[0]
    assert retrieval_map(fit) > 0.8  # chance is 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mu": 0.0}, "mu = 0.0 must be > 0"),
        ({"nu": 0.0}, "nu = 0.0 must be > 0"),
        ({"eta": -1.0}, "eta = -1.0"),
        ({"eta_network": -1.0}, "eta_network = -1.0"),
        ({"sweeps": 0}, "sweeps = 0"),
        ({"partners": "all"}, "bank or batch"),
        ({"dcc": "step"}, "epoch or batch"),
    ],
)
def test_bad_hyper_parameters_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make(**options)
    assert "\n" not in str(caught.value)
