import pytest
import torch

from hashbench.catalog import load_catalog
from hashbench_baselines.dpsh import DPSH


@pytest.mark.parametrize("mean_over_bits", [False, True])
@pytest.mark.parametrize("scale", [0.5, 0.1])
def test_equals_the_paper(build, equals_slow_loop, labels, scale, mean_over_bits):
    def slow(u, y):
        b, total, pairs = len(u), 0.0, 0
        for i in range(b):
            for j in range(b):
                if i != j:
                    theta = scale * sum(u[i, k] * u[j, k] for k in range(u.shape[1]))
                    s = 1.0 if float(y[i] @ y[j]) > 0 else 0.0
                    total, pairs = total + torch.log(1 + torch.exp(theta)) - s * theta, pairs + 1
        distance = sum((u[i, k] - (1 if u[i, k] >= 0 else -1)) ** 2 for i in range(b) for k in range(u.shape[1]))
        return total / pairs + 0.3 * distance / (4 * b if mean_over_bits else b)

    equals_slow_loop(build(DPSH, scale=scale, eta=0.3, mean_over_bits=mean_over_bits), slow, labels)


@pytest.mark.parametrize(("second", "expected"), [(0, 0.1269280), (1, 2.1269280)])
def test_two_equal_codes_of_four_ones(build, value, second, expected):
    assert value(build(DPSH, scale=0.5), [[1.0] * 4] * 2, [0, second]) == pytest.approx(expected, abs=1e-7)


def test_zero_counts_as_plus(build, value):
    assert value(build(DPSH, eta=1.0), [[0.0] * 4], [0]) == pytest.approx(1.0)
    assert value(build(DPSH, eta=1.0), [[1.0] * 4], [0]) == 0.0


def test_preset_paper_makes_the_steps_of_the_authors_group(build, batch_of):
    """They pair a batch with stored outputs, which have no gradient; N = 5,000, lambda = 50, rate 0.05, decay 1e-5."""
    preset = load_catalog().methods["dpsh"].presets["paper"]
    method = build(DPSH, **{name: preset[name] for name in ("scale", "eta", "mean_over_bits")})
    u = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 0, 2, 1, 0])
    theta, similar = u @ u.detach().T / 2, (labels[:, None] == labels).double()
    terms = (torch.log1p(theta.exp()) - similar * theta) * (1 - torch.eye(6))
    theirs = terms.sum() / 30 + 50 / 5000 * (u - u.detach().sign()).square().sum(1).mean()
    ours = sum(method.loss(batch_of(method, u, labels)).values())
    step, expected = (torch.autograd.grad(total, u)[0] for total in (ours, theirs))
    torch.testing.assert_close(preset["optimizer.lr"] * step, 0.05 * expected)
    assert preset["optimizer.lr"] * preset["optimizer.weight_decay"] == pytest.approx(0.05 * 1e-5)
