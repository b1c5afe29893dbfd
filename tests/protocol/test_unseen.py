"""Splits by classes: what is tested is of classes that nothing was trained or selected on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.catalog import SplitEntry, load_catalog
from hashbench.errors import UserError
from hashbench.protocol import load_split

LABELS = np.random.RandomState(0).permutation(np.repeat(np.arange(10), 30))


def entry(seed=0, **unseen):
    return SplitEntry(unseen={"test_classes": 3, **unseen}, seed=seed)


def classes(rows, labels=LABELS):
    return set(labels[rows].tolist())


@settings(deadline=None, max_examples=30)
@given(
    test=st.integers(2, 4),
    validation=st.sampled_from([0, 2, 3]),
    queries=st.floats(0.1, 0.9),
    per_class=st.sampled_from([None, 10, 30]),
    seed=st.integers(0, 2**40),
)
def test_classes_of_the_test_are_in_no_other_role(test, validation, queries, per_class, seed):
    import torch

    from hashbench.data import DataTable

    table = DataTable("mine", torch.zeros(300, 1), torch.from_numpy(LABELS), 10)
    unseen = {"test_classes": test, "validation_classes": validation, "queries": queries, "per_class": per_class}
    split = load_split(SplitEntry(unseen=unseen, seed=seed), table)
    rows = per_class or 30
    assert classes(split.test) == classes(split.database)
    assert len(classes(split.test)) == test
    assert len(split.test) + len(split.database) == test * rows
    assert len(split.test) == round(queries * test * rows)
    assert not classes(split.test) & (classes(split.train) | classes(split.validation))
    assert classes(split.validation) == classes(split.validation_database)
    if validation:
        assert len(classes(split.validation)) == validation
        assert not classes(split.validation) & classes(split.train)
        assert len(split.train) == (10 - test - validation) * rows
    else:
        assert classes(split.validation) == classes(split.train)
        np.testing.assert_array_equal(split.validation_database, split.train)


def test_draw_is_named_by_its_seed(make_table):
    table = make_table(LABELS)
    assert load_split(entry(1), table).checksum == load_split(entry(1), table).checksum
    assert load_split(entry(1), table).checksum != load_split(entry(2), table).checksum


def test_draw_is_frozen(make_table):
    """numpy promises that RandomState's stream never changes; so does the way it is used here."""
    split = load_split(entry(20250101, validation_classes=2, per_class=20), make_table(LABELS))
    assert split.checksum == "9efe2fff7e48d51a3861d175bef4ca5fc76501d9191d29788712924e14c8038e"


def test_fewer_rows_leave_the_classes_as_they_are(make_table):
    whole, part = (load_split(entry(5, per_class=n), make_table(LABELS)) for n in (None, 10))
    assert classes(whole.test) == classes(part.test)
    assert classes(whole.train) == classes(part.train)


@pytest.mark.parametrize(
    ("labels", "unseen", "message"),
    [
        (LABELS, {"test_classes": 9}, "10 classes cannot be divided into 9 for test"),
        (LABELS, {"test_classes": 5, "validation_classes": 4}, "10 classes cannot be divided into 5 for test, 4 for"),
        (LABELS, {"validation_classes": 1}, r"1 for validation \(none, or at least 2\)"),
        (LABELS, {"per_class": 31}, "class 0 has 30 rows, per_class=31 asks for more"),
        (np.eye(4)[:, [0, 1, 1]], {}, "unseen classes need one label per row"),
    ],
)
def test_impossible_requests(make_table, labels, unseen, message):
    with pytest.raises(UserError, match=message):
        load_split(entry(**unseen), make_table(labels))


@pytest.mark.parametrize(
    "name", ["cifar10-unseen", "cifar10-unseen-frozen", "cifar100-unseen", "cifar100-unseen-frozen"]
)
def test_protocols_hold_what_they_declare(make_table, name):
    """Declared counts, on labels of the right number a class (which rows they are does not matter to counts)."""
    protocol = load_catalog().protocol(name)
    number, rows = (10, 6000) if "cifar10-" in name else (100, 600)
    split = load_split(protocol.split, make_table(np.repeat(np.arange(number), rows)))
    assert split.counts.items() >= protocol.split.counts.items()
