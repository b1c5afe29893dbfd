"""Each item of one set searched in all others: equal to a loop that deletes the item; said where it is not asked for."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from evaluation_oracle import distances, metrics, orders, relevance
from hypothesis import assume, given
from hypothesis import strategies as st

from hashbench.evaluation import EvaluationInputError, HammingCounter, evaluate, evaluate_counts


def one_set(rng: np.random.Generator, items: int, bits: int, multi_hot: bool) -> tuple[np.ndarray, np.ndarray]:
    """Codes with ties; some multi-hot rows have no label, and are then not relevant even to themselves."""
    codes = rng.random((items, bits)) < 0.5
    return codes, rng.random((items, 3)) < 0.3 if multi_hot else rng.integers(0, 3, items)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 7), st.sampled_from(["retrieved", "capped", "all"]))
def test_equals_a_loop_over_every_order_of_the_others(seed, multi_hot, T, denominator):
    codes, labels = one_set(np.random.default_rng(seed), 6, 3, multi_hot)
    others = [np.delete(np.arange(6), i) for i in range(6)]
    relevant = [relevance(labels[i], labels[rest]) for i, rest in enumerate(others)]
    assume(any(one.any() for one in relevant))
    found = evaluate(codes, codes, labels, labels, topk=T, denominator=denominator, leave_one_out=True)
    assert found.info["database_size"] == 5
    for i, rest in enumerate(others):
        if not relevant[i].any():
            assert np.isnan(found.per_query["ap"][i])
            continue
        d = distances(codes[i], codes[rest])
        lists = [metrics(relevant[i][order], T, denominator) for order in orders(d)]
        for name in lists[0]:
            values = [entry[name] for entry in lists]
            actual = [found.per_query[f"{name}{end}"][i] for end in ("", "_worst", "_best")]
            np.testing.assert_allclose(actual, [np.mean(values), min(values), max(values)], rtol=1e-10, atol=1e-12)
        inside = d <= 1
        expected = relevant[i][inside].mean() if inside.any() else 0.0
        assert found.per_query["precision@r1"][i] == pytest.approx(expected)


@pytest.mark.parametrize("multi_hot", [False, True])
def test_database_order_passes_over_the_item_itself(multi_hot, monkeypatch):
    monkeypatch.setattr("hashbench.evaluation.database_order._CHUNK", 7)
    codes, labels = one_set(np.random.default_rng(1), 30, 4, multi_hot)
    found = evaluate(codes, codes, labels, labels, topk=5, ties="index", leave_one_out=True, curves=True).per_query
    for i in range(30):
        rest = np.delete(np.arange(30), i)
        relevant = relevance(labels[i], labels[rest])
        order = np.argsort(distances(codes[i], codes[rest]), kind="stable")
        if relevant.any():
            for name, value in metrics(relevant[order], 5, "retrieved").items():
                assert found[name][i] == pytest.approx(value, abs=1e-12), name


def test_the_database_may_come_in_pieces():
    codes, labels = one_set(np.random.default_rng(2), 40, 8, False)
    counter = HammingCounter(codes, labels)
    for start in range(0, 40, 9):
        assert not counter.is_own_database
        counter.update(codes[start : start + 9], labels[start : start + 9])
    assert counter.is_own_database
    whole = evaluate(codes, codes, labels, labels, leave_one_out=True)
    assert evaluate_counts(counter.leave_one_out()).metrics == whole.metrics
    counter.update(codes[:1], labels[:1])
    with pytest.raises(EvaluationInputError, match="the 41 database items are others"):
        counter.leave_one_out()


@pytest.mark.parametrize("what", ["order", "labels", "length", "code"])
def test_other_databases_are_refused(what):
    codes, labels = one_set(np.random.default_rng(3), 20, 8, False)
    other, of_other = codes.copy(), labels.copy()
    if what == "order":
        other, of_other = codes[::-1], labels[::-1]
    elif what == "labels":
        of_other[5] = (labels[5] + 1) % 3
    elif what == "length":
        other, of_other = codes[:-1], labels[:-1]
    else:
        other[19, 0] ^= True
    with pytest.raises(EvaluationInputError, match="leave_one_out needs the 20 queries as the database"):
        evaluate(codes, other, labels, of_other, leave_one_out=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "queries_are_database" not in evaluate(codes, other, labels, of_other).info


def test_queries_that_find_themselves_are_said_and_raise_the_value():
    codes, labels = one_set(np.random.default_rng(4), 50, 8, False)
    with pytest.warns(UserWarning, match="each query finds itself first.*leave_one_out=True"):
        plain = evaluate(codes, codes * 1.0, labels, labels.copy())
    assert plain.info["queries_are_database"] is True
    assert "each query finds itself first" in plain._repr_html_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left_out = evaluate(codes, codes, labels, labels, leave_one_out=True)
    assert left_out.info["leave_one_out"] is True
    assert "queries_are_database" not in left_out.info
    assert left_out.metrics["map"] < plain.metrics["map"] - 0.02


def test_one_item_has_no_others():
    with pytest.raises(EvaluationInputError, match="the database is empty"):
        evaluate([[0, 1]], [[0, 1]], [0], [0], leave_one_out=True)
