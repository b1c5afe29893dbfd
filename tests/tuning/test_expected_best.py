"""The best of n draws: the closed form against every sequence of draws, and against draws by chance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hashbench.tuning.expected_best import chances, expected_best, worst_for_failed


@pytest.mark.parametrize("scores", [[0.3], [0.9, 0.1, 0.4], [0.5, 0.5, 0.2, 0.8], [0.0, 0.7, 0.7, 0.7, -1.0]])
def test_mean_and_spread_are_those_of_every_sequence_of_draws(scores: list[float]) -> None:
    found = expected_best(scores)
    for n in range(1, len(scores) + 1):
        best = [max(drawn) for drawn in itertools.product(scores, repeat=n)]
        assert found.mean[n - 1] == pytest.approx(np.mean(best), abs=1e-12)
        assert found.std[n - 1] == pytest.approx(np.std(best), abs=1e-12)


def test_mean_and_spread_are_those_of_many_simulated_searches() -> None:
    rng = np.random.default_rng(0)
    scores = 0.8 - rng.exponential(0.05, 24)
    found = expected_best(scores)
    for n in (1, 4, 12, 24):
        best = rng.choice(scores, size=(40_000, n)).max(axis=1)
        assert found.mean[n - 1] == pytest.approx(best.mean(), abs=5 * found.std[n - 1] / 200)
        assert found.std[n - 1] == pytest.approx(best.std(), rel=0.05)


def test_the_best_of_one_draw_is_the_mean_and_more_draws_never_find_less() -> None:
    scores = [0.72, 0.1, 0.74, 0.73, 0.69]
    mean, std = expected_best(scores, most=200)
    assert mean[0] == pytest.approx(np.mean(scores))
    assert std[0] == pytest.approx(np.std(scores))
    assert (np.diff(mean) >= -1e-12).all()
    assert mean[4] < max(scores)  # draws repeat
    assert (mean[-1], std[-1]) == (pytest.approx(max(scores)), pytest.approx(0, abs=1e-6))


def test_close_scores_keep_the_digits_of_their_spread() -> None:
    scores = np.array([1.0, 1.0 + 1e-9, 1.0 + 2e-9])
    assert expected_best(scores).std[0] == pytest.approx(np.std([0, 1, 2]) * 1e-9, rel=1e-4)


def test_scores_whose_squares_no_float_holds() -> None:
    found = expected_best([1e308, -1e308, 0.0])
    assert np.isfinite(found.std).all()
    assert found.std[0] == pytest.approx(np.std([1, -1, 0]) * 1e308)


def test_chances_of_all_scores_add_up() -> None:
    assert chances(7, 30).shape == (7,)
    assert chances(7, 30).sum() == pytest.approx(1)
    np.testing.assert_allclose(chances(7, 1), 1 / 7)


def test_what_is_no_row_of_finite_scores_is_refused() -> None:
    for scores in ([], [0.1, math.nan], [[0.1]], [math.inf]):
        with pytest.raises(ValueError, match="finite"):
            expected_best(scores)
    with pytest.raises(ValueError, match="most"):
        expected_best([0.1], most=0)


def test_failed_trials_have_the_worst_value() -> None:
    assert worst_for_failed([0.7, math.nan, 0.2]).tolist() == [0.7, 0.0, 0.2]
    assert worst_for_failed([0.7, math.nan, -0.2]).tolist() == [0.7, -0.2, -0.2]  # of a metric of one's own
    assert worst_for_failed([math.nan, math.nan]).tolist() == [0.0, 0.0]
