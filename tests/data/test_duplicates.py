"""Rows of equal content are found whatever part of them differs, and nothing else is taken for a copy."""

import numpy as np
import pytest

from hashbench.data import DataTable
from hashbench.data.duplicates import content_ids, count_repeats


def ids(inputs):
    return content_ids(DataTable.from_arrays("mine", inputs, np.arange(len(inputs)) % 2))


@pytest.mark.parametrize("shape", [(200, 3), (200, 700), (200, 1, 9, 9)])
def test_copies_have_equal_ids(shape):
    random = np.random.default_rng(0)
    inputs = random.integers(0, 256, shape).astype(np.uint8 if len(shape) == 4 else np.float32)
    inputs[7] = inputs[150] = inputs[3]
    found = ids(inputs)
    assert found[3] == found[7] == found[150]
    assert count_repeats(found) == 2


def test_rows_that_differ_in_any_single_value_are_no_copies():
    inputs = np.zeros((301, 300), dtype=np.float32)  # all samples of a row are equal but one, or none
    inputs[np.arange(300), np.arange(300)] = 1
    assert count_repeats(ids(inputs)) == 0
