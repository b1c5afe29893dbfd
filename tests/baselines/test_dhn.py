import math

import pytest
import torch

from hashbench_baselines.dhn import DHN
from hashbench_baselines.pairwise import log_cosh


@pytest.mark.parametrize("mean_over_bits", [False, True])
def test_equals_the_paper(build, equals_slow_loop, labels, mean_over_bits):
    lam = 0.3 / (4 if mean_over_bits else 1)

    def slow(logits, y):
        z = torch.tanh(logits)
        b, total, pairs = len(z), 0.0, 0
        for i in range(b):
            for j in range(b):
                if i != j:
                    theta = sum(z[i, k] * z[j, k] for k in range(z.shape[1])) / 2
                    s = 1.0 if float(y[i] @ y[j]) > 0 else 0.0
                    total, pairs = total + torch.log(1 + torch.exp(theta)) - s * theta, pairs + 1
                    for k in range(z.shape[1]):
                        total = total + lam * torch.log(torch.cosh(z[i, k].abs() - 1))
                        total = total + lam * torch.log(torch.cosh(z[j, k].abs() - 1))
        return total / pairs

    equals_slow_loop(build(DHN, scale=0.5, lam=0.3, mean_over_bits=mean_over_bits), slow, labels)


@pytest.mark.parametrize(("second", "expected"), [(0, 0.1269280), (1, 2.1269280)])
def test_two_saturated_codes(build, value, second, expected):
    assert value(build(DHN, scale=0.5, lam=0.01), [[100.0] * 4] * 2, [0, second]) == pytest.approx(expected, abs=1e-7)


def test_prior_at_zero(build, value):
    assert float(log_cosh(torch.tensor(-1.0, dtype=torch.float64))) == pytest.approx(0.4337808, abs=1e-7)
    per_pair = value(build(DHN, lam=1.0), [[0.0] * 4] * 2, [0, 0]) - math.log(2)
    assert per_pair == pytest.approx(2 * 0.4337808, abs=1e-6)


def test_log_cosh_does_not_overflow():
    assert float(log_cosh(torch.tensor(1e5))) == pytest.approx(1e5 - math.log(2))
