import pytest

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
