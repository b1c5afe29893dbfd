"""Statistics over seeds against scipy and worked examples; orders that must and must not be claimed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.results.statistics import Rank, holm, rank_groups, summarize, welch

GROUPS = [[0.71, 0.74, 0.70], [0.69, 0.75, 0.66, 0.70, 0.71], [0.50, 0.52, 0.51, 0.48], [0.9, 0.2]]


def test_summary_is_that_of_scipy() -> None:
    values = np.array([[0.7, 0.1], [0.8, 0.4], [0.75, 0.2]])
    found = summarize(values)
    expected = scipy.stats.describe(values, ddof=1)
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.std**2, expected.variance)
    assert found.n == 3


def test_one_seed_has_no_spread_and_nan_is_not_skipped() -> None:
    one = summarize([[0.5, 0.6]])
    np.testing.assert_array_equal(one.mean, [0.5, 0.6])
    assert np.isnan(one.std).all()
    assert one.n == 1
    failed = summarize([[0.5, 0.6], [np.nan, 0.8]])
    assert np.isnan(failed.mean[0])
    assert failed.mean[1] == pytest.approx(0.7)


def test_welch_is_that_of_scipy_for_all_pairs() -> None:
    arrays = [np.array(group) for group in GROUPS]
    found = welch([a.mean() for a in arrays], [a.var(ddof=1) for a in arrays], [len(a) for a in arrays])
    for i, a in enumerate(arrays):
        for j, b in enumerate(arrays):
            expected = 1.0 if i == j else scipy.stats.ttest_ind(a, b, equal_var=False).pvalue
            assert found[i, j] == pytest.approx(expected, rel=1e-9)


def test_welch_without_any_spread_compares_the_values() -> None:
    found = welch([0.5, 0.5, 0.6], [0.0, 0.0, 0.0], [3, 3, 3])
    np.testing.assert_array_equal(found, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_with_queries_and_without_spread_over_seeds_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(size=80)
    values = np.array([hard + rng.normal(shift, 0.1, 80) for shift in (0.0, 0.01, 0.05)])
    found = welch(values.mean(axis=1), [0, 0, 0], [3, 3, 3], values)
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            expected = 1.0 if i == j else scipy.stats.ttest_rel(a, b).pvalue
            assert found[i, j] == pytest.approx(expected, rel=1e-9)


def test_queries_that_differ_by_a_constant_leave_welchs_test() -> None:
    arrays = [np.array(group) for group in GROUPS]
    over_seeds = [a.mean() for a in arrays], [a.var(ddof=1) for a in arrays], [len(a) for a in arrays]
    values = np.random.default_rng(0).uniform(size=50) + np.array(over_seeds[0])[:, None]
    np.testing.assert_allclose(welch(*over_seeds, values), welch(*over_seeds), rtol=1e-6)


def test_variances_of_seeds_and_queries_add_up() -> None:
    """Standard error and Satterthwaite's degrees of freedom, written out for one pair."""
    a, b = np.array([0.70, 0.71, 0.73]), np.array([0.74, 0.78, 0.75, 0.76])
    values = np.random.default_rng(1).normal(0.7, 0.1, (2, 30))
    parts = [a.var(ddof=1) / 3, b.var(ddof=1) / 4, (values[0] - values[1]).var(ddof=1) / 30]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3 + parts[2] ** 2 / 29)
    expected = 2 * scipy.stats.t.sf(abs(a.mean() - b.mean()) / np.sqrt(sum(parts)), freedom)
    found = welch([a.mean(), b.mean()], [a.var(ddof=1), b.var(ddof=1)], [3, 4], values)
    assert found[0, 1] == pytest.approx(expected)


def test_holm_on_a_worked_example() -> None:
    # sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, then never falling
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm([]).shape == (0,)


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p: np.ndarray) -> None:
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(p * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def test_two_methods_that_must_not_be_separated() -> None:
    better_by_luck = [[0.742, 0.725, 0.731, 0.748, 0.722], [0.729, 0.738, 0.717, 0.735, 0.726]]
    assert rank_groups(better_by_luck) == [Rank(1, 2), Rank(1, 2)]


def test_two_methods_that_must_be_separated() -> None:
    assert rank_groups([[0.71, 0.72, 0.715], [0.81, 0.80, 0.82]]) == [Rank(2, 2), Rank(1, 1)]


def test_correction_over_the_pairs_takes_a_claim_back() -> None:
    a, b = [0.70, 0.71, 0.72], [0.74, 0.73, 0.757]
    p = scipy.stats.ttest_ind(a, b, equal_var=False).pvalue
    assert 0.05 / 6 < p < 0.05
    assert rank_groups([a, b]) == [Rank(2, 2), Rank(1, 1)]
    among_four = rank_groups([a, b, [0.1, 0.9, 0.5], [0.2, 0.8, 0.6]])
    assert among_four == [Rank(1, 4)] * 4


def test_first_two_share_and_the_third_is_third() -> None:
    found = rank_groups([[0.50, 0.51, 0.52], [0.80, 0.81, 0.82], [0.79, 0.80, 0.815]])
    assert found == [Rank(3, 3), Rank(1, 2), Rank(1, 2)]


def test_what_is_between_two_separable_methods_overlaps_both() -> None:
    found = rank_groups([[0.80, 0.81, 0.82], [0.60, 0.75, 0.90], [0.70, 0.71, 0.72]])
    assert found == [Rank(1, 2), Rank(1, 3), Rank(2, 3)]


def test_lower_may_be_better() -> None:
    samples = [[0.10, 0.11, 0.12], [0.30, 0.31, 0.32]]
    assert rank_groups(samples, higher_is_better=False) == [Rank(1, 1), Rank(2, 2)]
    assert rank_groups(samples) == [Rank(2, 2), Rank(1, 1)]


def test_fewer_than_three_seeds_anywhere_claim_no_order() -> None:
    assert rank_groups([[0.9, 0.9, 0.9], [0.1, 0.1]]) == [None, None]
    assert rank_groups([[0.9], [0.1]]) == [None, None]
    assert rank_groups([]) == []


def test_a_method_without_a_value_takes_no_part() -> None:
    found = rank_groups([[0.9, 0.91, np.nan], [0.80, 0.81, 0.82], [0.50, 0.51, 0.52]])
    assert found == [None, Rank(1, 1), Rank(2, 2)]
    assert rank_groups([[np.nan] * 3]) == [None]


def test_equal_methods_are_rarely_put_in_an_order() -> None:
    rng = np.random.default_rng(0)
    wrong = sum(set(rank_groups(rng.normal(0.7, 0.01, (8, 5)))) != {Rank(1, 8)} for _ in range(400))
    assert wrong / 400 < 0.08, "without the correction, more than half"


def test_methods_equal_over_all_queries_are_rarely_put_in_an_order_by_those_that_were_drawn() -> None:
    """Trainings and queries are both drawn; what a method is good at by chance among 200 queries is no merit."""
    rng = np.random.default_rng(0)
    claimed = np.zeros(2)
    for _ in range(300):
        of_queries = rng.normal(0, 0.1, (4, 200))
        seeds = of_queries[:, None, :] + rng.normal(0, 0.003, (4, 3, 1)) + rng.normal(0, 0.02, (4, 3, 200))
        values, means = seeds.mean(axis=1), seeds.mean(axis=2)
        for place, queries in enumerate((None, values)):
            claimed[place] += set(rank_groups(means, queries=queries)) != {Rank(1, 4)}
    assert claimed[0] / 300 > 0.3, "seeds alone claim an order far too often"
    assert claimed[1] / 300 < 0.08


def test_queries_take_claims_back_and_never_add_one() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        seeds = rng.normal(0.7, 0.01, (5, 3)) + rng.normal(0, 0.03, (5, 1))
        queries = seeds.mean(axis=1)[:, None] + rng.normal(0, 0.2, (5, 100))
        for alone, both in zip(rank_groups(seeds), rank_groups(seeds, queries=queries), strict=True):
            assert both.first <= alone.first
            assert alone.last <= both.last


def test_a_query_that_any_method_lacks_is_left_out() -> None:
    samples = [[0.71, 0.72, 0.715], [0.81, 0.80, 0.82]]
    steady = np.random.default_rng(0).uniform(size=60)
    values = np.array([0.71 + steady, 0.81 + steady])
    values[0, 3] = np.nan
    assert rank_groups(samples, queries=values) == [Rank(2, 2), Rank(1, 1)]


@given(st.data())
def test_ranks_agree_with_the_means_and_the_tests(data: st.DataObject) -> None:
    value = st.integers(0, 40).map(lambda n: n / 40)
    samples = data.draw(st.lists(st.lists(value, min_size=3, max_size=5), min_size=1, max_size=7))
    ranks = [rank for rank in rank_groups(samples) if rank is not None]
    means = [float(np.mean(sample)) for sample in samples]
    count = len(samples)
    assert len(ranks) == count
    assert all(1 <= rank.first <= rank.last <= count for rank in ranks)
    assert ranks[int(np.argmax(means))].first == 1
    assert ranks[int(np.argmin(means))].last == count
    for i, a in enumerate(ranks):
        for j, b in enumerate(ranks):
            if a.last < b.first:
                assert means[i] > means[j]
    pairs = np.triu_indices(count, k=1)
    p = welch(means, [np.var(sample, ddof=1) for sample in samples], [len(sample) for sample in samples])
    for i, j, adjusted in zip(*pairs, holm(p[pairs]), strict=True):
        overlap = ranks[i].first <= ranks[j].last and ranks[j].first <= ranks[i].last
        assert adjusted <= 0.05 or overlap, "methods that are not separable share ranks"
    order = data.draw(st.permutations(range(count)))
    assert rank_groups([samples[k] for k in order]) == [ranks[k] for k in order]
