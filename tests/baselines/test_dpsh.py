import pytest
import torch

from hashbench_baselines.dpsh import DPSH


@pytest.mark.parametrize("scale", [0.5, 0.1])
def test_equals_the_paper(build, equals_slow_loop, labels, scale):
    def slow(u, y):
        b, total, pairs = len(u), 0.0, 0
        for i in range(b):
            for j in range(b):
                if i != j:
                    theta = scale * sum(u[i, k] * u[j, k] for k in range(u.shape[1]))
                    s = 1.0 if float(y[i] @ y[j]) > 0 else 0.0
                    total, pairs = total + torch.log(1 + torch.exp(theta)) - s * theta, pairs + 1
        distance = sum((u[i, k] - (1 if u[i, k] >= 0 else -1)) ** 2 for i in range(b) for k in range(u.shape[1]))
        return total / pairs + 0.3 * distance / b

    equals_slow_loop(build(DPSH, scale=scale, eta=0.3), slow, labels)


@pytest.mark.parametrize(("second", "expected"), [(0, 0.1269280), (1, 2.1269280)])
def test_two_equal_codes_of_four_ones(build, value, second, expected):
    assert value(build(DPSH, scale=0.5), [[1.0] * 4] * 2, [0, second]) == pytest.approx(expected, abs=1e-7)


def test_zero_counts_as_plus(build, value):
    assert value(build(DPSH, eta=1.0), [[0.0] * 4], [0]) == pytest.approx(4.0)
    assert value(build(DPSH, eta=1.0), [[1.0] * 4], [0]) == 0.0
