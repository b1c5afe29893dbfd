"""The curves in result.json: those of the evaluation, few enough, and not needed to read a result."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hashbench.evaluation import evaluate
from hashbench.evaluation.cosine import evaluate_cosine
from hashbench.evaluation.curves import all_curves
from hashbench.results.curves import kept_curves
from hashbench.results.record import ResultRecord


@pytest.fixture
def codes() -> dict[str, np.ndarray]:
    """60 queries and 1,500 items with 12 bits and 5 classes; one query has a class of its own."""
    rng = np.random.default_rng(0)
    labels = {"query_labels": rng.integers(0, 5, 60), "database_labels": rng.integers(0, 5, 1500)}
    labels["query_labels"][7] = 99
    bits = {
        name.replace("labels", "codes"): (rng.random((len(of), 12)) < 0.3 + 0.1 * of[:, None] % 0.5)
        for name, of in labels.items()
    }
    return {name: np.packbits(value, axis=1, bitorder="little") for name, value in bits.items()} | labels


def measured(codes: dict[str, np.ndarray], **options):
    order = ("query_codes", "database_codes", "query_labels", "database_labels")
    return evaluate(*(codes[name] for name in order), bits=12, **options)


@pytest.mark.parametrize(("topk", "farthest"), [((), 1000), ((10, 1200), 1200), ((5000,), 1500)])
def test_they_are_those_of_the_evaluation(codes: dict[str, np.ndarray], topk: tuple[int, ...], farthest: int) -> None:
    evaluation = measured(codes, topk=topk)
    found = kept_curves(evaluation)
    full = all_curves(evaluation.counts, 1500)
    assert found["cutoffs"][0] == 1
    assert found["cutoffs"][-1] == farthest
    assert len(found["cutoffs"]) == 51
    places = np.array(found["cutoffs"], dtype=int) - 1
    np.testing.assert_allclose(found["precision_at"], full["precision_at"][places], atol=5e-7)
    for name in ("recall_by_radius", "precision_by_radius", "precision_interpolated"):
        np.testing.assert_allclose(found[name], full[name], atol=5.1e-7)
    for name in ("distance_similar", "distance_dissimilar"):
        np.testing.assert_array_equal(found[name], full[name])
    assert len(found["precision_by_radius"]) == 13
    assert len(found["precision_interpolated"]) == 101


def test_a_small_database_has_each_place_once(codes: dict[str, np.ndarray]) -> None:
    small = codes | {name: codes[name][:8] for name in ("database_codes", "database_labels")}
    assert kept_curves(measured(small))["cutoffs"] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_ranking_without_codes_has_none() -> None:
    rng = np.random.default_rng(1)
    query, database = rng.normal(size=(20, 4)), rng.normal(size=(50, 4))
    assert kept_curves(evaluate_cosine(query, database, np.zeros(20, int), np.zeros(50, int))) == {}


def test_result_json_holds_them_and_is_read_without(codes: dict[str, np.ndarray], make_record) -> None:
    record = make_record(bits=12, curves=kept_curves(measured(codes)))
    content = json.loads(record.to_json())
    assert ResultRecord.model_validate(content).curves == record.curves
    del content["curves"]
    assert ResultRecord.model_validate(content).curves == {}


@pytest.mark.parametrize("wrong", [{"recall_by_radius": [0.5]}, {"precision_at": []}, {"cutoffs": [1]}, {"more": [1]}])
def test_curves_of_other_lengths_or_names_are_not_read(codes: dict[str, np.ndarray], make_record, wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"hashbench\.results\.curves"):
        make_record(bits=12, curves=kept_curves(measured(codes)) | wrong)
