"""The rules between roles, and a checksum that is that of the rows."""

import hashlib
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import UserError
from hashbench.protocol import ROLES, Split, SplitError, split_checksum

GOOD = {
    "train": [5, 3, 4],
    "validation": [1, 2],
    "validation_database": [3, 4, 5],
    "database": [3, 4, 5, 6],
    "test": [0, 7],
}
MAY_SHARE = {
    ("train", "validation_database"),
    ("train", "database"),
    ("validation_database", "database"),
    ("validation", "database"),
}


def test_rows_are_copied_in_their_order():
    rows = np.array([5, 3, 4])
    split = Split(**{**GOOD, "train": rows})
    rows[0] = 99
    assert split.train.tolist() == [5, 3, 4]
    assert split.train.dtype == np.int64
    assert split.counts == {"train": 3, "validation": 2, "validation_database": 3, "database": 4, "test": 2}


@pytest.mark.parametrize("pair", list(combinations(ROLES, 2)), ids="+".join)
def test_which_roles_may_share_rows(pair):
    a, b = pair
    arrays = {role: [10 * number, 10 * number + 1] for number, role in enumerate(ROLES)}
    arrays[a] = [*arrays[a], 98, 97]
    arrays[b] = [97, *arrays[b], 98]
    if pair in MAY_SHARE:
        Split(**arrays)
    else:
        with pytest.raises(SplitError, match=rf"{a} and {b} share 2 rows .first: 97, 98") as caught:
            Split(**arrays, name="here")
        assert caught.value.problems == [f"{a} and {b} share 2 rows (first: 97, 98)"]
        assert isinstance(caught.value, UserError)
        assert "split here" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": []}, "test has no rows"),
        ({"train": [3, 4, 3, 5, 5]}, "train lists 2 rows more than once .first: 3, 5"),
        ({"database": [-1, 3, 4]}, "database has negative row numbers .first: -1"),
    ],
)
def test_rows_that_cannot_be(change, message):
    with pytest.raises(SplitError, match=message):
        Split(**{**GOOD, **change})


def test_all_problems_are_listed_in_one_line():
    with pytest.raises(SplitError) as caught:
        Split(**{**GOOD, "test": [0, 0, 1, 3]})
    assert len(caught.value.problems) == 5
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    assert "\n" not in str(caught.value)


def test_only_the_first_rows_are_named():
    many = list(range(100))
    with pytest.raises(SplitError, match=r"train and test share 100 rows .first: 0, 1, 2, 3, 4\)"):
        Split(many, [200], [201], [201], many)


def test_a_published_breach_is_allowed_by_its_exact_counts():
    rows = {**GOOD, "test": [0, 7, 7, 3]}
    allow = {"test": 1, "train+test": 1, "validation_database+test": 1, "database+test": 1}
    assert Split(**rows, allow=allow).counts["test"] == 4
    assert Split(**rows, allow=allow).checksum == split_checksum({role: np.array(rows[role]) for role in ROLES})
    with pytest.raises(SplitError, match=r"train and test share 1 rows \(first: 3\), 2 are allowed"):
        Split(**rows, allow={**allow, "train+test": 2})
    with pytest.raises(SplitError, match=r"train and test share 1 rows \(first: 3\);"):
        Split(**rows, allow={role: count for role, count in allow.items() if role != "train+test"})
    with pytest.raises(SplitError, match=r"validation and test share 0 rows, 4 are allowed"):
        Split(**rows, allow={**allow, "validation+test": 4})


def test_a_misspelt_allowance_is_explained():
    with pytest.raises(SplitError, match=r"allow names 'test\+train'\. .*Known: .*train\+test,"):
        Split(**GOOD, allow={"test+train": 1})


def test_checksum_is_the_documented_one():
    text = b""
    for role in ROLES:
        text += f"{role} {len(GOOD[role])}\n".encode() + b"".join(row.to_bytes(8, "little") for row in GOOD[role])
    assert Split(**GOOD).checksum == hashlib.sha256(text).hexdigest()


@given(st.permutations(range(12)), st.integers(1, 10))
def test_checksum_sees_every_change(rows, cut):
    arrays = {role: np.array(rows[:cut], dtype=np.int32) for role in ROLES}
    whole = split_checksum(arrays)
    assert whole == split_checksum({role: arrays[role].astype(np.int64) for role in reversed(ROLES)})
    for role in ROLES:
        assert split_checksum({**arrays, role: np.array(rows[: cut + 1])}) != whole
        if cut > 1:
            assert split_checksum({**arrays, role: arrays[role][::-1]}) != whole
