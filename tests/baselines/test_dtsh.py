import pytest
import torch

from hashbench_baselines import triplets
from hashbench_baselines.dtsh import DTSH


@pytest.mark.parametrize("mean_over_bits", [False, True])
def test_equals_the_paper(build, equals_slow_loop, labels, mean_over_bits):
    def slow(u, y):
        b, bits, total, triplets = *u.shape, 0.0, 0
        for q in range(b):
            for p in range(b):
                for n in range(b):
                    if p != q and float(y[q] @ y[p]) > 0 and float(y[q] @ y[n]) == 0:
                        difference = sum(u[q, k] * u[p, k] - u[q, k] * u[n, k] for k in range(bits)) / 2 - bits / 2
                        total = total - (difference - torch.log(1 + torch.exp(difference)))
                        triplets += 1
        distance = sum((u[i, k] - (1 if u[i, k] >= 0 else -1)) ** 2 for i in range(b) for k in range(bits))
        return total / triplets + 0.3 * distance / (b * bits if mean_over_bits else b)

    equals_slow_loop(build(DTSH, scale=0.5, lam=0.3, mean_over_bits=mean_over_bits), slow, labels)


@pytest.mark.parametrize(("negative", "expected"), [(-1.0, 3.3541e-4), (1.0, 8.0003354)])
def test_perfect_triplet_and_tie(build, value, negative, expected):
    # K = 16, a = 8: the difference of Theta is 16 for opposite codes, 0 for equal ones
    rows = [[1.0] * 16, [1.0] * 16, [negative] * 16]
    assert value(build(DTSH, bits=16), rows, [0, 0, 1]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("ids", [[0, 0, 0], [0, 1, 2]])
def test_no_triplet_is_a_zero_with_a_gradient(build, batch_of, ids):
    method = build(DTSH)
    logits = torch.ones(3, 4, dtype=torch.float64, requires_grad=True)
    triplet = method.loss(batch_of(method, logits, torch.tensor(ids)))["triplet"]
    assert float(triplet) == 0.0
    assert torch.autograd.grad(triplet, logits)[0].abs().max() == 0


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("elements", [1, 300, 1 << 16])
def test_blocks_of_triplets_have_the_value_and_gradient_of_all_at_once(monkeypatch, elements, several):
    monkeypatch.setattr(triplets, "_ELEMENTS", elements)
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (40,), generator=generator)
    if several:
        labels = (torch.rand(40, 4, generator=generator) < 0.3).long()  # some without any label
    targets = labels if several else torch.nn.functional.one_hot(labels, 4)
    similarity = (targets @ targets.T > 0).float()
    theta = (
        30 * torch.randn(40, 40, generator=generator)
    ).requires_grad_()  # beyond where e^theta is finite in float32
    wanted = similarity[:, :, None] * (1 - torch.eye(40))[:, :, None] * (1 - similarity[:, None, :])
    whole = theta.double()
    terms = torch.nn.functional.softplus(whole[:, None, :] - whole[:, :, None] + 8.0)
    expected = (terms * wanted).sum() / wanted.sum()
    found = triplets.triplet_mean(theta, similarity, labels, 8.0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    gradients = [torch.autograd.grad(value, theta)[0] for value in (found, expected)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-7)
