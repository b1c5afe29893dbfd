"""Metrics equal the mean and the extremes over every order of the ties, and keep the relations that must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_oracle import cases, distances, metrics, orders, random_order, relevance
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hashbench.evaluation import Counts, EvaluationInputError, evaluate
from hashbench.evaluation.harmonic import harmonic_difference
from hashbench.evaluation.ranking import DENOMINATORS, Ranking

denominators = st.sampled_from(DENOMINATORS)


@settings(max_examples=400)
@given(cases(), st.integers(1, 9), denominators)
def test_every_order_enumerated(case, T, denominator):
    """T may lie beyond the database."""
    code, database, label, labels = case
    relevant = relevance(label[0], labels)
    assume(relevant.any())
    d = distances(code[0], database)
    lists = [metrics(relevant[order], T, denominator) for order in orders(d)]
    found = evaluate(*case, topk=T, denominator=denominator).per_query
    for name in lists[0]:
        values = [entry[name] for entry in lists]
        expected = [np.mean(values), min(values), max(values)]
        actual = [found[f"{name}{end}"][0] for end in ("", "_worst", "_best")]
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("denominator", DENOMINATORS)
@pytest.mark.parametrize(("bits", "T"), [(3, 40), (8, 100), (8, 1)])
def test_large_cases_within_monte_carlo_error(bits, T, denominator):
    rng = np.random.default_rng(bits + T)
    code, database = rng.random((1, bits)) < 0.5, rng.random((400, bits)) < 0.5
    labels = rng.integers(0, 5, 400)
    d = distances(code[0], database)
    lists = [metrics((labels == 2)[random_order(d, rng)], T, denominator) for _ in range(2000)]
    found = evaluate(code, database, [2], labels, topk=T, denominator=denominator).per_query
    for name in lists[0]:
        values = np.array([entry[name] for entry in lists])
        error = values.std() / math.sqrt(len(values))
        assert abs(found[name][0] - values.mean()) <= 4.5 * error + 1e-12, name
        assert found[f"{name}_worst"][0] - 1e-12 <= values.min(), name
        assert found[f"{name}_best"][0] + 1e-12 >= values.max(), name


@settings(max_examples=150)
@given(cases(max_items=60, max_bits=10, queries=4), st.integers(1, 80), denominators)
def test_worst_expected_best_are_ordered_and_in_range(case, T, denominator):
    assume(any(relevance(label, case[3]).any() for label in case[2]))
    found = evaluate(*case, topk=T, denominator=denominator, radii=range(4)).metrics
    for name, value in found.items():
        assert -1e-12 <= value <= 1 + 1e-12, name
        if f"{name}_worst" in found:
            assert found[f"{name}_worst"] - 1e-12 <= value <= found[f"{name}_best"] + 1e-12, name


@settings(max_examples=150)
@given(st.integers(1, 12), st.integers(1, 15), denominators, st.randoms(use_true_random=False))
def test_without_ties_all_orders_are_one(items, T, denominator, random):
    """Unary codes: item i lies at distance i."""
    database = np.tril(np.ones((items, items)))
    labels = np.array([random.randrange(2) for _ in range(items)])
    assume(labels.any())
    found = evaluate(np.zeros((1, items)), database, [1], labels, topk=T, denominator=denominator).per_query
    plain = metrics(labels == 1, T, denominator)
    for name, value in plain.items():
        for end in ("", "_worst", "_best"):
            assert found[f"{name}{end}"][0] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=60)
@given(cases(max_items=40, max_bits=10, queries=3), st.randoms(use_true_random=False))
def test_permuting_the_database_changes_nothing(case, random):
    queries, database, query_labels, labels = case
    assume(any(relevance(label, labels).any() for label in query_labels))
    order = list(range(len(database)))
    random.shuffle(order)
    permuted = evaluate(queries, database[order], query_labels, labels[order], topk=7)
    assert permuted.metrics == evaluate(*case, topk=7).metrics


@settings(max_examples=150)
@given(cases(max_items=60, max_bits=8, queries=3), st.integers(1, 80), denominators)
def test_index_equals_a_stable_argsort(case, T, denominator):
    queries, database, query_labels, labels = case
    relevant = [relevance(label, labels) for label in query_labels]
    assume(any(r.any() for r in relevant))
    found = evaluate(*case, topk=T, denominator=denominator, ties="index").per_query
    for q, code in enumerate(queries):
        order = np.argsort(distances(code, database), kind="stable")
        if not relevant[q].any():
            assert np.isnan(found["ap"][q])
            continue
        for name, value in metrics(relevant[q][order], T, denominator).items():
            assert found[name][q] == pytest.approx(value, abs=1e-12), name
            assert found[f"{name}_worst"][q] <= value + 1e-12
            assert found[f"{name}_best"][q] >= value - 1e-12


def test_index_in_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    case = rng.random((3, 5)) < 0.5, rng.random((200, 5)) < 0.5, rng.integers(0, 2, 3), rng.integers(0, 2, 200)
    whole = evaluate(*case, topk=20, ties="index").metrics
    monkeypatch.setattr("hashbench.evaluation.database_order._CHUNK", 33)
    assert evaluate(*case, topk=20, ties="index").metrics == whole


@pytest.mark.parametrize("order", ["best", "worst"])
def test_tie_policy_chooses_the_main_value(order):
    rng = np.random.default_rng(1)
    case = rng.random((3, 4)) < 0.5, rng.random((90, 4)) < 0.5, rng.integers(0, 2, 3), rng.integers(0, 2, 90)
    chosen, usual = evaluate(*case, topk=20, ties=order).metrics, evaluate(*case, topk=20).metrics
    for name in ("map", "map@20", "precision@20", "recall@20", "ndcg@20"):
        assert chosen[name] == usual[f"{name}_{order}"] != usual[name]


def test_queries_without_relevant_items_are_left_out_and_reported():
    codes = np.array([[0, 0], [1, 1]])
    result = evaluate(codes, codes, [0, 5], [0, 1], topk=1)
    assert result.metrics["map"] == result.metrics["precision@1"] == result.metrics["precision@r0"] == 1.0
    assert result.info["queries_without_relevant"] == 1
    assert np.isnan(result.per_query["ap"][1])
    assert np.isnan(result.per_query["precision@r1"][1])


def test_query_without_a_hit_counts_zero():
    """Two queries, each with a relevant item; the second one's is last."""
    database = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]])
    result = evaluate(np.zeros((2, 3)), database, [0, 1], [0, 0, 1], topk=2)
    np.testing.assert_allclose(result.per_query["ap@2"], [1.0, 0.0])
    assert result.metrics["map@2"] == 0.5


def test_balls_by_hand():
    """Distances 0, 1, 1, 3 with relevance 1, 0, 1, 1; a second query far from everything."""
    database = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]])
    queries = np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    result = evaluate(queries, database, [1, 1], [1, 0, 1, 1], radii=(0, 1, 9))
    np.testing.assert_allclose(result.per_query["precision@r0"], [1, 0])
    np.testing.assert_allclose(result.per_query["empty@r0"], [0, 1])
    np.testing.assert_allclose(result.per_query["precision@r1"], [2 / 3, 1])
    np.testing.assert_allclose(result.per_query["recall@r1"], [2 / 3, 1 / 3])
    precision, recall = 5 / 6, 1 / 2
    assert result.metrics["f1@r1"] == pytest.approx(2 * precision * recall / (precision + recall))
    np.testing.assert_allclose(result.per_query["recall@r9"], [1, 1])


def test_tie_mass_is_the_share_of_queries_with_a_shared_nearest_distance():
    database = np.array([[0, 0], [0, 0], [1, 1]])
    assert evaluate([[0, 0], [1, 1]], database, [0, 0], [0, 0, 0]).metrics["tie_mass"] == 0.5


@pytest.mark.parametrize("start", [0, 1, 63, 64, 65, 1000, 10**6, 10**8, 10**10])
@pytest.mark.parametrize("steps", [1, 2, 70, 3000])
def test_harmonic_differences_keep_their_digits(start, steps):
    exact = math.fsum(1 / (start + i) for i in range(1, steps + 1))
    assert float(harmonic_difference(start, steps)) == pytest.approx(exact, rel=1e-14)


def test_average_precision_at_a_hundred_million_items():
    """One group of 10^8 items, half of them relevant; and one relevant item behind 10^8 others."""
    items, relevant = 10**8, 5 * 10**7
    ranking = Ranking(Counts(np.array([[items, 0]]), np.array([[relevant, 0]])))
    m = (relevant - 1) / (items - 1)
    harmonic = math.log(items) + 0.5772156649015328606 + 0.5 / items
    assert ranking.average_precision()[0] == pytest.approx(m + (1 - m) * harmonic / items, rel=1e-13)
    single = Ranking(Counts(np.array([[items, 1]]), np.array([[0, 1]])))
    assert single.average_precision()[0] == pytest.approx(1 / (items + 1), rel=1e-7)


@pytest.mark.parametrize("T", [1, 300, 5000])
def test_retrieved_denominator_of_a_huge_group_is_stable(T):
    """Thousands of outcomes for the number of hits: the mean stays between its bounds, near the ratio of means."""
    ranking = Ranking(Counts(np.array([[10**6, 5]]), np.array([[10**5, 5]])))
    worst, expected, best = (ranking.average_precision_at(T, order)[0] for order in ("worst", "expected", "best"))
    assert worst <= expected <= best == 1.0
    linear = ranking.average_precision_at(T, "expected", "capped")[0] * T / (T * 0.1)
    assert expected == pytest.approx(0.1 if T == 1 else linear, rel=0.05)


def test_counts_with_other_queries_do_not_add():
    with pytest.raises(EvaluationInputError, match="same queries"):
        Counts(np.zeros((1, 2), int), np.zeros((1, 2), int)) + Counts(np.zeros((2, 2), int), np.zeros((2, 2), int))


def test_relevant_items_first_is_not_the_best_order_where_the_hits_retrieved_divide():
    """The example of docs/evaluation.md: a relevant item that comes in late lowers the mean precision of the hits."""
    database = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0]])
    case = np.zeros((1, 3)), database, [1], np.array([1, 0, 1, 0])
    by_denominator = {name: evaluate(*case, topk=3, denominator=name).metrics for name in DENOMINATORS}
    for found in by_denominator.values():
        assert (found["precision@3_best"], found["precision@3_worst"]) == pytest.approx((2 / 3, 1 / 3))
    first, last = (1 + 2 / 3) / 2, 1.0
    retrieved = by_denominator["retrieved"]
    assert (retrieved["map@3_best"], retrieved["map@3"], retrieved["map@3_worst"]) == pytest.approx(
        (last, (first + last) / 2, first)
    )
    assert by_denominator["capped"]["map@3_best"] == pytest.approx(first)
    assert by_denominator["capped"]["map@3_worst"] == pytest.approx(last / 2)
