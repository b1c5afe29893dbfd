from types import SimpleNamespace

import pytest
import torch

from hashbench_baselines.hashnet import HashNet


def parts(u, y, alpha):
    """Sums and numbers of the weighted terms of similar and of dissimilar pairs."""
    sums, counts = {1: 0.0, 0: 0.0}, {1: 0, 0: 0}
    for i in range(len(u)):
        for j in range(len(u)):
            if i != j:
                theta = alpha * sum(u[i, k] * u[j, k] for k in range(u.shape[1]))
                both, either = float((y[i] * y[j]).sum()), float(torch.clamp(y[i] + y[j], max=1).sum())
                s = int(both > 0)
                sums[s] = sums[s] + (both / either if s else 1.0) * (torch.log(1 + torch.exp(theta)) - s * theta)
                counts[s] += 1
    return sums, counts


def test_equals_the_paper(build, equals_slow_loop, labels):
    method = build(HashNet, alpha=None)
    method.beta.fill_(1.7)

    def slow(logits, y):
        sums, counts = parts(torch.tanh(1.7 * logits), y, 10 / 4)
        pairs = counts[0] + counts[1]
        return (pairs / counts[1] * sums[1] + pairs / counts[0] * sums[0]) / pairs

    equals_slow_loop(method, slow, labels)


def test_equals_the_fixed_weighting(build, equals_slow_loop, labels):
    def slow(logits, y):
        sums, counts = parts(torch.tanh(logits), y, 0.5)
        return (5 * sums[1] + sums[0]) / (5 * counts[1] + counts[0])

    equals_slow_loop(build(HashNet, alpha=0.5, positive_weight=5.0), slow, labels)


def test_two_saturated_codes(build, value):
    method = build(HashNet, bits=16, alpha=0.1)
    assert value(method, [[100.0] * 16] * 2, [0, 0]) == pytest.approx(0.1839007, abs=1e-7)


def at(step, epochs=10, steps_per_epoch=1000):
    return SimpleNamespace(step=step, epochs=epochs, steps_per_epoch=steps_per_epoch)


@pytest.mark.parametrize(("step", "beta"), [(0, 1.0), (199, 1.0), (200, 2**0.5), (399, 2**0.5), (10_000, 51**0.5)])
def test_continuation(step, beta):
    method = HashNet(bits=8, num_classes=2, num_train=4, gamma=0.005, iterations=None)
    method.begin_epoch(at(step, epochs=1, steps_per_epoch=7))
    assert float(method.beta) == pytest.approx(beta)
    assert method.diagnostics() == {"beta": pytest.approx(beta)}


def test_stretched_continuation_ends_where_the_authors_does():
    method = HashNet(bits=8, num_classes=2, num_train=4, gamma=0.005, iterations=10_000)
    method.after_step(at(50, epochs=5, steps_per_epoch=50), None)
    assert float(method.beta) == pytest.approx((1 + 0.005 * 2000) ** 0.5)
    method.after_step(at(250, epochs=5, steps_per_epoch=50), None)
    assert float(method.beta) == pytest.approx(51**0.5)


def test_continuation_does_not_depend_on_the_path():
    resumed, straight = (HashNet(bits=8, num_classes=2, num_train=4, gamma=0.005, iterations=None) for _ in range(2))
    for step in range(0, 700):
        straight.after_step(at(step + 1), None)
    resumed.begin_epoch(at(700))
    assert float(resumed.beta) == float(straight.beta) == pytest.approx(4**0.5)


def test_activation_is_the_scaled_tanh():
    method = HashNet(bits=1, num_classes=2, num_train=4)
    method.beta.fill_(3.0)
    assert float(method.activation(torch.tensor([[0.2]]))) == pytest.approx(0.5370496)
