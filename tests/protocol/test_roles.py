"""No one sees a test query before a model is selected."""

import numpy as np
import pytest

from hashbench.protocol import Roles, Split


@pytest.fixture
def split():
    return Split([0, 1, 2], [3], [0, 1], [0, 1, 2, 4], [5, 6])


@pytest.fixture
def roles(make_table, split):
    return Roles(make_table(np.arange(7) % 2), split)


def test_what_may_be_read_at_once(roles, split):
    for role in ("train", "validation", "validation_database", "database"):
        np.testing.assert_array_equal(getattr(roles, role), getattr(split, role))
    assert roles.split_checksum == split.checksum


def test_test_queries_are_sealed(roles):
    assert roles.selection is None
    with pytest.raises(RuntimeError, match="sealed until a model is selected"):
        _ = roles.test


def test_no_public_name_leads_to_the_test_queries(roles):
    for name in (name for name in dir(roles) if not name.startswith("_") and name not in ("test", "table", "unseal")):
        value = getattr(roles, name)
        assert not isinstance(value, Split), name
        assert not np.isin([5, 6], value).any() if isinstance(value, np.ndarray) else True, name


def test_selection_opens_them_and_is_kept(roles):
    roles.unseal("epoch 7, best validation map 0.71")
    assert roles.test.tolist() == [5, 6]
    assert roles.selection == "epoch 7, best validation map 0.71"


def test_there_is_one_selection(roles):
    roles.unseal("epoch 7")
    roles.unseal("epoch 7")
    with pytest.raises(RuntimeError, match="opened for 'epoch 7', not for 'epoch 8'"):
        roles.unseal("epoch 8")
    assert roles.selection == "epoch 7"


def test_selection_must_be_said(roles):
    with pytest.raises(ValueError, match="say which"):
        roles.unseal("  ")
    with pytest.raises(RuntimeError, match="sealed"):
        _ = roles.test
