import tracemalloc

import pytest
import torch

from hashbench_baselines import csq
from hashbench_baselines.csq import CSQ, balanced_words, hash_centers


def hamming(centers):
    distances = (centers.shape[1] - centers @ centers.T) / 2
    rows, columns = torch.triu_indices(len(centers), len(centers), 1)
    return distances[rows, columns]


def draw(num_classes, bits, seed=0):
    return hash_centers(num_classes, bits, torch.Generator().manual_seed(seed))


def test_equals_the_paper(build, equals_slow_loop, labels):
    method = build(CSQ, lam=0.3)

    def slow(logits, y):
        u = torch.tanh(logits)
        b, bits, total = *u.shape, 0.0
        for i in range(b):
            for k in range(bits):
                votes = sum(float(y[i, c] * method.centers[c, k]) for c in range(y.shape[1]))
                center = float(method.tie[k]) if votes == 0 else (1.0 if votes > 0 else -1.0)
                h, c = (u[i, k] + 1) / 2, (center + 1) / 2
                total = total - (c * torch.log(h) + (1 - c) * torch.log(1 - h))
                total = total + 0.3 * torch.log(torch.cosh(u[i, k].abs() - 1))
        return total / (b * bits)

    equals_slow_loop(method, slow, labels)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_hadamard_centres_are_half_the_bits_apart(bits):
    assert (hamming(draw(bits, bits)) == bits / 2).all()
    both = hamming(draw(2 * bits, bits))
    assert set(both.tolist()) == {bits / 2, float(bits)}
    assert int((both == bits).sum()) == bits


@pytest.mark.parametrize(
    ("num_classes", "bits", "least"), [(10, 48, 16), (100, 48, 10), (100, 16, 2), (5, 7, 2), (300, 12, 2)]
)
def test_random_centres_are_balanced_and_apart(num_classes, bits, least):
    centers = draw(num_classes, bits)
    assert ((centers == -1).sum(1) == bits // 2).all()
    assert hamming(centers).min() >= least
    assert not torch.equal(centers, draw(num_classes, bits, seed=1))


@pytest.mark.parametrize(("num_classes", "bits"), [(100, 12), (10, 4), (6, 3), (8, 3), (30, 6)])
def test_no_two_classes_share_a_centre(num_classes, bits):
    centers = draw(num_classes, bits)
    assert centers.shape == (num_classes, bits)
    assert set(centers.unique().tolist()) == {-1.0, 1.0}
    assert len(centers.unique(dim=0)) == num_classes


def test_majority_and_ties(build, batch_of):
    method = build(CSQ)
    method.centers.copy_(torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]))
    method.tie.copy_(torch.tensor([-1.0, -1, 1, 1]))
    several = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 0, 1]])
    batch = batch_of(method, torch.zeros(4, 4, dtype=torch.float64), several)
    expected = [[1, -1, -1, -1], [1, -1, 1, -1], [-1, -1, 1, 1], [1, -1, -1, 1]]
    assert method.sample_centers(batch).tolist() == expected


def test_gradient_survives_saturation(build, batch_of):
    method = build(CSQ, lam=0.0)
    logits = (-40 * method.centers[[0]]).requires_grad_()
    sum(method.loss(batch_of(method, logits, torch.tensor([0]))).values()).backward()
    torch.testing.assert_close(logits.grad, -2 * method.centers[[0]] / 4)


def test_run_seed_draws_random_centres():
    class Fit:
        generator = torch.Generator().manual_seed(5)

    method = CSQ(bits=12, num_classes=4, num_train=9)
    before = method.centers.clone()
    method.begin_fit(Fit())
    assert not torch.equal(before, method.centers)
    assert set(method.tie.tolist()) <= {-1.0, 1.0}


def test_ten_thousand_classes_need_no_matrix_of_all_pairs(monkeypatch):
    shapes = []
    original = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: shapes.append((a.shape, b.shape)) or original(a, b))
    tracemalloc.start()  # sees numpy's memory, not torch's
    centers = hash_centers(10_000, 48, torch.Generator().manual_seed(0), tries=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shapes == []
    assert peak < 2.5e8  # all pairs in float32 take 4e8 bytes
    assert len(centers.unique(dim=0)) == 10_000
    assert ((centers == -1).sum(1) == 24).all()


def test_the_best_of_the_draws_is_taken(monkeypatch):
    drawn = []

    def remember(*args):
        drawn.append(balanced_words(*args))
        return drawn[-1]

    monkeypatch.setattr(csq, "balanced_words", remember)
    chosen = draw(9, 12)
    distances = [int(hamming(words).min()) for words in drawn]
    assert len(set(distances)) > 1
    assert torch.equal(chosen, drawn[distances.index(max(distances))])
