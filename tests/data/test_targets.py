"""Class names in other encodings are names."""

from __future__ import annotations

import numpy as np

from hashbench.data.targets import encode


def test_names_in_latin1_are_as_many_classes_as_there_are():
    names = np.array([b"gr\xfcn", b"rot", b"gr\xf6n", b"rot"])
    targets = encode(names, "colours")
    assert targets.labels.tolist() == [1, 2, 0, 2]
    assert targets.class_names == ("grön", "grün", "rot")


def test_names_in_utf8_stay_so():
    assert encode(np.array(["grün".encode(), b"rot"]), "colours").class_names == ("grün", "rot")
