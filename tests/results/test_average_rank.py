"""Average ranks, Friedman's test and Nemenyi's critical difference: scipy, a published example, orders not to claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from hashbench.errors import UserError
from hashbench.results.average_rank import average_ranks, critical_difference, friedman, not_separable, ranks_of
from hashbench.results.leaderboard import table

# Demsar, JMLR 7 (2006), table 6: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets. The paper ranks the 13th line
# 4, 1, 2, 3 by digits that it does not print; 0.9751 stands for the printed 0.975.
C45 = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_worked_example_of_demsar() -> None:
    ranks = ranks_of(C45)
    average = ranks.mean(axis=0)
    np.testing.assert_allclose(average, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    test = friedman(ranks)
    assert test.chi2 == pytest.approx(9.28, abs=0.005)
    assert test.f == pytest.approx(3.69, abs=0.005)
    assert test.p_value < 0.05  # the paper: F(3, 39) is 2.85 at 0.05
    assert scipy.stats.f.sf(test.f, 3, 39) == pytest.approx(test.p_value)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    # Its Nemenyi test cannot separate any two at 0.05: 3.143 - 1.964 is less than 1.25.
    assert not_separable(np.sort(average), critical_difference(4, 14)) == [(0, 3)]


def test_the_papers_critical_values() -> None:
    # q of Nemenyi's test at 0.05, table 5(a) of the paper: critical_difference = q sqrt(k (k + 1) / 6 N)
    for methods, q in ((2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)):
        found = critical_difference(methods, 10) / math.sqrt(methods * (methods + 1) / 60)
        assert found == pytest.approx(q, abs=0.0012)  # the paper's digits are cut off here and there
    assert critical_difference(4, 14, level=0.1) == pytest.approx(2.291 * math.sqrt(20 / 84), abs=1e-3)


def test_ranks_and_test_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).normal(size=(9, 6))
    ranks = ranks_of(values)
    np.testing.assert_array_equal(ranks, scipy.stats.rankdata(-values, axis=1))
    assert friedman(ranks).chi2 == pytest.approx(scipy.stats.friedmanchisquare(*values.T).statistic)
    with_ties = np.round(values)
    np.testing.assert_array_equal(ranks_of(with_ties), scipy.stats.rankdata(-with_ties, axis=1))
    lower = ranks_of(with_ties, higher_is_better=False)
    np.testing.assert_array_equal(lower, scipy.stats.rankdata(with_ties, axis=1))


def test_the_same_order_everywhere_is_as_significant_as_can_be() -> None:
    test = friedman(np.tile([1.0, 2.0, 3.0], (5, 1)))
    assert (test.f, test.p_value) == (math.inf, 0.0)
    assert test.chi2 == pytest.approx(10)  # N (k - 1)


def test_groups_are_the_largest_runs_and_may_overlap() -> None:
    assert not_separable([1.0, 1.5, 2.5, 4.0], 1.6) == [(0, 2), (2, 3)]
    assert not_separable([1.0, 3.0, 5.0], 1.0) == []
    assert not_separable([1.0, 2.0], 1.0) == []  # "differs by at least the critical difference" is a difference
    assert not_separable([1.0, 1.0, 1.0], 0.5) == [(0, 2)]


# --- from a table


def runs(make_record, values: dict[str, list[float]], **changes) -> list:
    """One run a method and a number of bits."""
    return [
        make_record(method, bits=16 * (place + 1), value=value, **changes)
        for method, line in values.items()
        for place, value in enumerate(line)
    ]


def test_clear_order_is_found(make_record) -> None:
    values = {
        name: [level + 0.01 * place for place in range(12)] for name, level in (("a", 0.7), ("c", 0.1), ("b", 0.4))
    }
    found = average_ranks(table(runs(make_record, values)), "map", higher_is_better=True)
    assert found.methods == ["a", "b", "c"]
    np.testing.assert_array_equal(found.ranks, [1, 2, 3])
    assert len(found.comparisons) == 12
    assert found.comparisons[1] == "digits 32 bits"
    assert found.groups == []
    turned = average_ranks(table(runs(make_record, values)), "map", higher_is_better=False)
    assert turned.methods == ["c", "b", "a"]


def test_noise_is_not_separated(make_record) -> None:
    noise = np.random.default_rng(1).uniform(0.4, 0.6, size=(5, 6))
    found = average_ranks(
        table(runs(make_record, {f"m{i}": list(line) for i, line in enumerate(noise)})), "map", higher_is_better=True
    )
    assert found.test.p_value > 0.05
    assert found.groups == [(0, 4)]


def test_one_bar_over_all_where_the_test_does_not_reject(make_record) -> None:
    """Two of many may lie a critical difference apart by chance; without Friedman's leave they are not separated."""
    values = {"a": [0.9, 0.1], "b": [0.8, 0.2]}
    found = average_ranks(table(runs(make_record, values)), "map", higher_is_better=True)
    assert found.test.p_value == pytest.approx(1.0)
    assert found.groups == [(0, 1)]
    np.testing.assert_array_equal(found.ranks, [1.5, 1.5])


def test_methods_that_are_not_everywhere_are_left_out(make_record) -> None:
    values = {"a": [0.9, 0.9], "b": [0.8, 0.8], "c": [0.99]}
    records = [*runs(make_record, values), make_record("d", metrics={"map": math.nan}), make_record("d", bits=32)]
    found = average_ranks(table(records), "map", higher_is_better=True)
    assert found.methods == ["a", "b"]
    assert found.left_out == ["c", "d"]
    np.testing.assert_array_equal(found.ranks, [1, 2])


def test_protocols_and_fingerprints_are_comparisons_of_their_own(make_record) -> None:
    values = {"a": [0.9], "b": [0.8]}
    records = runs(make_record, values) + runs(make_record, values, fingerprint="f2" * 8)
    records += runs(make_record, values, protocol="cifar10", fingerprint="f3")
    found = average_ranks(table(records), "map", higher_is_better=True)
    assert found.comparisons == ["cifar10 16 bits", "digits (a1b2c3d4) 16 bits", "digits (f2f2f2f2) 16 bits"]
    assert found.protocols == 2
    assert "read p as a guide" in found.caution
    apart = [record for record in records if record.fingerprint != "f2" * 8]
    assert average_ranks(table(apart), "map", higher_is_better=True).caution == ""


def test_presets_and_tuning_are_methods_of_their_own(make_record) -> None:
    records = runs(make_record, {"a": [0.9, 0.9]}) + runs(make_record, {"a": [0.8, 0.8]}, preset="release", trials=20)
    found = average_ranks(table(records), "map", higher_is_better=True)
    assert found.methods == ["a", "a@release tuned(20)"]


def test_two_settings_of_one_name_are_not_mixed(make_record) -> None:
    records = runs(make_record, {"a": [0.9, 0.9]}) + runs(make_record, {"a": [0.8, 0.8]}, hparams={"alpha": 7})
    found = average_ranks(table(records), "map", higher_is_better=True)
    assert len(set(found.methods)) == 2
    assert all(name.startswith("a (") for name in found.methods)


def test_too_little_to_rank_is_refused(make_record) -> None:
    with pytest.raises(UserError, match="needs two protocols or code lengths, there is 1"):
        average_ranks(table(runs(make_record, {"a": [0.9], "b": [0.8]})), "map", higher_is_better=True)
    with pytest.raises(UserError, match=r"two methods.*digits 16 bits, digits 32 bits; there is 1"):
        average_ranks(table(runs(make_record, {"a": [0.9, 0.9], "b": [0.8]})), "map", higher_is_better=True)
