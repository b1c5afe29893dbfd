import pytest
import torch

from hashbench.catalog import load_catalog
from hashbench_baselines.dsh import DSH


def test_equals_the_paper(build, equals_slow_loop, labels):
    def slow(u, y):
        b, bits, total, pairs = *u.shape, 0.0, 0
        for i in range(b):
            for j in range(i + 1, b):
                squared = sum((u[i, k] - u[j, k]) ** 2 for k in range(bits))
                if float(y[i] @ y[j]) > 0:
                    total = total + squared / 2
                elif squared.item() < 2 * bits:
                    total = total + (2 * bits - squared) / 2
                for k in range(bits):
                    total = total + 0.3 * ((u[i, k].abs() - 1).abs() + (u[j, k].abs() - 1).abs())
                pairs += 1
        return total / pairs

    equals_slow_loop(build(DSH, alpha=0.3), slow, labels)


@pytest.mark.parametrize(("second", "expected"), [(0, 6.0), (1, 0.0)])
def test_hamming_distance_three_of_four(build, value, second, expected):
    # ||.||^2 = 4 * 3 = 12: half of it for a similar pair, nothing beyond the margin 2K = 8 for a dissimilar one
    assert value(build(DSH), [[1.0, 1, -1, 1], [1.0, -1, 1, -1]], [0, second]) == pytest.approx(expected)


def test_hamming_distance_one_is_within_the_margin(build, value):
    assert value(build(DSH), [[1.0, 1, -1, 1], [1.0, 1, -1, -1]], [0, 1]) == pytest.approx((2 * 4 - 4) / 2)


def test_regulariser_counts_both_of_a_pair(build, value):
    assert value(build(DSH, alpha=1.0), [[0.5] * 4] * 2, [0, 0]) == pytest.approx(2 * 4 * 0.5)


def caffe_gradient(u, labels, margin, alpha):
    """d/du of the authors' layer: a pair adds its difference over b (b - 1), a sample the sign of its gap over b."""
    b, bits = u.shape
    gradient = torch.zeros_like(u)
    for i in range(b):
        for j in range(i + 1, b):
            difference = (u[i] - u[j]) / (b * (b - 1))
            if labels[i] != labels[j]:
                difference = -difference if float(((u[i] - u[j]) ** 2).sum()) < margin else 0 * difference
            gradient[i] += difference
            gradient[j] -= difference
        for k in range(bits):
            gradient[i, k] += alpha / b * (1 if u[i, k] >= 1 or -1 <= u[i, k] <= 0 else -1)
    return gradient


def test_preset_paper_makes_the_steps_of_the_authors_solver(build, batch_of):
    """Caffe: V <- 0.9 V + rate (gradient + decay W), W <- W - V, with rate 1e-3, decay 0.004, margin 2 K, alpha 0.01."""
    preset = load_catalog().methods["dsh"].presets["paper"]
    method = build(DSH, margin_per_bit=preset["margin_per_bit"], alpha=preset["alpha"])
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.randn(9, 5, generator=generator, dtype=torch.float64)
    first = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 2, 1, 0])

    weight, speed = first.clone(), torch.zeros_like(first)
    ours = torch.nn.Parameter(first.clone())
    options = {name: preset[f"optimizer.{name}"] for name in ("lr", "momentum", "weight_decay", "nesterov")}
    optimizer = torch.optim.SGD([ours], **options)
    for _ in range(30):
        slope = inputs.T @ caffe_gradient(inputs @ weight, labels, 2 * 4, 0.01)
        speed = 0.9 * speed + 1e-3 * (slope + 0.004 * weight)
        weight = weight - speed
        optimizer.zero_grad()
        sum(method.loss(batch_of(method, inputs @ ours, labels)).values()).backward()
        optimizer.step()
    assert (weight - first).abs().max() > 0.01
    torch.testing.assert_close(ours.detach(), weight, rtol=1e-10, atol=1e-12)
