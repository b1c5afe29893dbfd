"""What labels and roles alone say of the worth of a number: nothing relevant, everything relevant, one class, copies."""

import math

import numpy as np
import pytest

from hashbench.data import DataTable
from hashbench.evaluation import evaluate
from hashbench.protocol import Split
from hashbench.protocol.soundness import (
    chance_of,
    one_class_in_all,
    relevant_counts,
    repeated_rows,
    soundness,
)

TRAIN, VALIDATION, TEST = np.arange(0, 12), np.arange(12, 16), np.arange(16, 20)
SPLIT = Split(TRAIN, VALIDATION, TRAIN, TRAIN, TEST)
INPUTS = np.arange(40.0).reshape(20, 2)


def table(labels, inputs=INPUTS):
    return DataTable.from_arrays("mine", inputs, np.asarray(labels))


def by_role(train, validation, test):
    return [*train, *validation, *test]


TWO = [0, 1] * 6


def test_a_sound_protocol_has_nothing_to_say():
    found = soundness(table(by_role(TWO, [0, 1] * 2, [0, 1] * 2)), SPLIT)
    assert (found.problems, found.warnings) == ((), ())
    assert repeated_rows(table(TWO + [0, 1] * 4), SPLIT) == []


@pytest.mark.parametrize(
    ("labels", "problems", "warnings"),
    [
        (by_role(TWO, [0, 1, 0, 1], [2, 2, 0, 1]), [], ["2 of 4 test queries have nothing relevant in database"]),
        (by_role(TWO, [2, 1, 0, 1], [0, 1, 0, 1]), [], ["1 of 4 validation queries have nothing relevant in valid"]),
        (by_role(TWO, [0, 1, 0, 1], [2, 3, 2, 3]), ["nothing in database is relevant to any of the 4 test"], []),
        (by_role(TWO, [2, 3, 2, 3], [0, 1, 0, 1]), ["nothing in validation_database is relevant to any of"], []),
        (by_role(TWO, [0, 1, 0, 1], [1, 1, 1, 1]), [], ["test holds rows of one class only"]),
        (
            by_role([0] * 12, [0] * 4, [0] * 4),
            [],
            ["all roles hold rows of one class only", "relevant to every one of the validation", "one of the test"],
        ),
        (
            by_role([0] * 12, [0, 0, 0, 1], [0, 0, 0, 1]),
            [],
            [
                "train and validation_database and database hold rows of one class only",
                "1 of 4 validation",
                "everything in validation_database is relevant to every one of the validation queries",
                "1 of 4 test",
                "everything in database is relevant",
            ],
        ),
    ],
)
def test_what_is_found_by_class(labels, problems, warnings):
    found = soundness(table(labels), SPLIT)
    for expected, said in ((problems, found.problems), (warnings, found.warnings)):
        assert len(expected) == len(said), said
        for words, sentence in zip(expected, said, strict=True):
            assert words in sentence


def test_several_labels():
    hot = np.zeros((20, 3), dtype=np.uint8)
    hot[:, 0] = 1
    hot[::2, 1] = 1
    found = soundness(table(hot), SPLIT)
    assert "everything in database is relevant to every one of the test queries: mAP is 1" in found.warnings[1]
    hot[16] = 0  # a query without any label
    found = soundness(table(hot), SPLIT)
    assert "1 of 4 test queries have nothing relevant" in " ".join(found.warnings)


def test_nearly_everything_relevant_is_said_with_the_chance_level():
    inputs, labels = np.arange(600.0).reshape(300, 2), np.zeros(300, dtype=int)
    labels[[0, 201]] = 1
    train, validation, test = np.arange(200), np.arange(200, 250), np.arange(250, 300)
    found = soundness(table(labels, inputs), Split(train, validation, train, train, test))
    assert "random codes already have a mAP of 0.99" in " ".join(found.warnings)


def test_counts_are_those_of_the_evaluation():
    random = np.random.default_rng(0)
    ids = random.integers(0, 4, 30), random.integers(0, 5, 50)
    hot = random.random((30, 6)) < 0.2, random.random((50, 6)) < 0.2
    for queries, database in (ids, tuple(part.astype(np.uint8) for part in hot)):
        relevance = queries[:, None] == database if queries.ndim == 1 else queries.astype(int) @ database.T > 0
        np.testing.assert_array_equal(relevant_counts(queries, database), relevance.sum(axis=1))


def test_the_chance_level_is_the_map_of_random_codes():
    random = np.random.default_rng(0)
    queries, database = random.integers(0, 5, 200), random.integers(0, 5, 300)
    codes = random.random((200, 64)) < 0.5, random.random((300, 64)) < 0.5
    measured = evaluate(*codes, queries, database).metrics["map"]
    chance = chance_of(relevant_counts(queries, database), len(database))
    assert math.isclose(measured, chance, rel_tol=0.02)
    assert chance_of(np.array([7]), 7) == pytest.approx(1)


def test_copies_under_other_row_numbers_are_found_and_counted():
    inputs = INPUTS.copy()
    inputs[16], inputs[17], inputs[12] = inputs[0], inputs[1], inputs[2]
    assert repeated_rows(table(TWO + [0, 1] * 4, inputs), SPLIT) == [
        "the content of 1 validation queries is in train and validation_database too, under other row numbers",
        "the content of 2 test queries is in train and database too, under other row numbers",
    ]


def test_a_data_set_of_one_class():
    assert one_class_in_all(table([3] * 20)) == ["all rows are of one class: nothing can be told apart"]
    assert one_class_in_all(table(TWO + [0, 1] * 4)) == []
