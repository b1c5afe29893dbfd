"""Ranking by cosine: every order of exact ties, plain average precision without ties, chunks, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_oracle import metrics, orders, relevance
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hashbench.evaluation import EvaluationInputError, cosine, evaluate
from hashbench.evaluation.cosine import evaluate_cosine
from hashbench.evaluation.ranking import DENOMINATORS

ANGLES = np.array([0.1, 0.7, 1.3, 2.9])
"""Of the database's directions to the query at angle 0: the place in this list is the dense rank."""


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.sampled_from(DENOMINATORS), st.booleans())
def test_every_order_of_exact_ties_enumerated(seed, T, denominator, multilabel):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(ANGLES), 6)
    database = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)[places]
    query = np.array([[2.0, 0.0]])
    labels = rng.random((6, 3)) < 0.5 if multilabel else rng.integers(0, 2, 6)
    label = np.array([[True, False, True]]) if multilabel else np.array([1])
    relevant = relevance(label[0], labels)
    assume(relevant.any())
    lists = [metrics(relevant[order], T, denominator) for order in orders(places)]
    found = evaluate_cosine(query, database, label, labels, topk=T, denominator=denominator)
    for name in lists[0]:
        values = [entry[name] for entry in lists]
        actual = [found.per_query[f"{name}{end}"][0] for end in ("", "_worst", "_best")]
        np.testing.assert_allclose(actual, [np.mean(values), min(values), max(values)], rtol=1e-10, atol=1e-12)
        shown = f"m{name}" if name.startswith("ap") else name
        assert found.metrics[shown] == pytest.approx(np.mean(values))
    nearest = np.count_nonzero(places == places.min())
    assert found.metrics["tie_mass"] == float(nearest > 1)


def real_vectors(multilabel=False):
    """30 queries and 200 items of 16 dimensions, some items twice and one query without a relevant item."""
    rng = np.random.default_rng(0)
    query, database = rng.normal(size=(30, 16)).astype(np.float32), rng.normal(size=(200, 16)).astype(np.float32)
    database[100:110] = database[:10]
    if multilabel:
        labels = (rng.random((30, 70)) < 0.02, rng.random((200, 70)) < 0.02)
    else:
        labels = (rng.integers(0, 5, 30), rng.integers(0, 5, 200))
        labels[0][3] = 9
    return query, database, *labels


@pytest.mark.parametrize("multilabel", [False, True])
def test_equals_a_plain_sort_within_the_ties(multilabel):
    query, database, query_labels, labels = real_vectors(multilabel)
    found = evaluate_cosine(query, database, query_labels, labels).per_query
    missing = 0
    for q in range(len(query)):
        relevant = relevance(query_labels[q], labels)
        if not relevant.any():
            missing += 1
            assert np.isnan(found["ap"][q])
            continue
        cosines = [float(a @ query[q]) / float(np.linalg.norm(a)) for a in database.astype(np.float64)]
        ap = metrics(relevant[np.argsort(-np.round(cosines, 9), kind="stable")], 1, "all")["ap"]
        for value in (ap, found["ap"][q]):
            assert found["ap_worst"][q] - 1e-12 <= value <= found["ap_best"][q] + 1e-12
    assert missing > 0
    assert (found["ap_best"] - found["ap_worst"] > 1e-6).any(), "equal vectors of other labels tie"


def test_signs_rank_by_cosine_as_their_bits_by_hamming_distance():
    rng = np.random.default_rng(1)
    query, database = (rng.integers(0, 2, (rows, 8)) for rows in (12, 90))
    labels = rng.integers(0, 3, 12), rng.integers(0, 3, 90)
    hamming = evaluate(query, database, *labels, topk=(5, 40)).metrics
    cosines = evaluate_cosine(2.0 * query - 1, 2.0 * database - 1, *labels, topk=(5, 40)).metrics
    assert set(cosines) == {name for name in hamming if "@r" not in name}
    for name, value in cosines.items():
        assert value == pytest.approx(hamming[name], abs=1e-12), name


def test_a_mapper_goes_through_the_chunks(monkeypatch):
    monkeypatch.setattr(cosine, "_CELLS", 2000)  # ten queries at a time
    seen = []

    def backwards(function, chunks):
        seen.extend(chunks)
        return [function(chunk) for chunk in reversed(chunks)][::-1]

    data = real_vectors()
    found, expected = evaluate_cosine(*data, topk=7, mapper=backwards), evaluate_cosine(*data, topk=7)
    assert seen == [slice(0, 10), slice(10, 20), slice(20, 30)]
    assert found.metrics == expected.metrics
    for name, values in expected.per_query.items():
        np.testing.assert_array_equal(found.per_query[name], values)


def test_chunks_change_nothing(monkeypatch):
    whole = evaluate_cosine(*real_vectors(), topk=(7,))
    monkeypatch.setattr(cosine, "_CELLS", 500)  # two queries at a time; the one without relevant items is in a chunk
    parts = evaluate_cosine(*real_vectors(), topk=(7,))
    assert parts.metrics == pytest.approx(whole.metrics, abs=1e-12)
    assert parts.info == whole.info
    assert whole.info["queries_without_relevant"] == 1
    monkeypatch.setattr(cosine, "_CELLS", 1)
    assert evaluate_cosine(*real_vectors(), topk=(7,)).metrics == pytest.approx(whole.metrics, abs=1e-12)


def test_length_and_the_sign_of_zero_do_not_matter_and_zero_vectors_have_cosine_0():
    database = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [4.0, 0.0]])
    found = evaluate_cosine([[3.0, 0.0]], database, [1], [1, 0, 0, 0, 1])
    # Two items of cosine 1, one of them relevant; three of cosine 0, one relevant.
    relevant = np.array([1, 0, 0, 0, 1])
    ties = [metrics(relevant[order], 1, "all")["ap"] for order in orders(np.array([1, 1, 1, 0, 0]))]
    assert found.metrics["map"] == pytest.approx(np.mean(ties))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": np.full((2, 3), np.nan)}, "queries hold NaN or infinity"),
        ({"database": np.zeros((4, 5))}, "queries have 3 dimensions, database items 5"),
        ({"database": np.zeros((0, 3)), "database_labels": []}, "at least one"),
        ({"query": np.zeros(3)}, r"shape \(3,\)"),
        ({"query_labels": [7, 7]}, "no query has a relevant item"),
        ({"query_labels": [1]}, "query labels are 1, their codes 2"),
        ({"database_labels": np.eye(4)}, "give both in one form"),
        ({"topk": 0}, "it counts items"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given = {
        "query": np.ones((2, 3)),
        "database": np.ones((4, 3)),
        "query_labels": [0, 1],
        "database_labels": [0, 1, 0, 1],
        "topk": (),
    } | change
    with pytest.raises(EvaluationInputError, match=message) as refused:
        evaluate_cosine(**given)
    assert "\n" not in str(refused.value)
