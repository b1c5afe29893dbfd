"""Class names in other encodings are names."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench.data.targets import encode
from hashbench.errors import UserError


def test_names_in_latin1_are_as_many_classes_as_there_are():
    names = np.array([b"gr\xfcn", b"rot", b"gr\xf6n", b"rot"])
    targets = encode(names, "colours")
    assert targets.labels.tolist() == [1, 2, 0, 2]
    assert targets.class_names == ("grön", "grün", "rot")


def test_names_in_utf8_stay_so():
    assert encode(np.array(["grün".encode(), b"rot"]), "colours").class_names == ("grün", "rot")


@pytest.mark.parametrize("labels", [["cat", "cat ", "dog"], [b"cat", b" cat", b"dog"]])
def test_labels_that_differ_in_blanks_alone_are_not_merged(labels):
    with pytest.raises(UserError, match="mine: labels differ in blanks at their ends alone, as 'cat' does"):
        encode(np.array(labels), "mine")


def test_blanks_that_fill_a_matrix_of_characters_are_no_part_of_labels():
    assert encode(np.array(["cat  ", "horse", "cat  "]), "mine").class_names == ("cat", "horse")
