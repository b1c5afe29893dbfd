"""The l-infinity paper's sizes on CIFAR-10: as drawn, and as the paper says."""

import numpy as np
import pytest

from hashbench.protocol import read_manifest
from hashbench.protocol.draw import draw_cifar10_linf


@pytest.mark.real_data
def test_cifar10_linf_is_as_drawn(cifar10_labels):
    assert draw_cifar10_linf(cifar10_labels).checksum == read_manifest("cifar10-linf").checksum


@pytest.mark.real_data
def test_cifar10_linf_roles(cifar10_labels):
    split = read_manifest("cifar10-linf")
    sizes = {"train": 200, "validation": 100, "validation_database": 500, "database": 5900, "test": 100}
    counts = {role: np.bincount(cifar10_labels[rows], minlength=10) for role, rows in split.arrays.items()}
    assert {role: count.tolist() for role, count in counts.items()} == {role: [n] * 10 for role, n in sizes.items()}


def test_the_database_is_all_but_the_queries():
    split = read_manifest("cifar10-linf")
    assert sorted([*split.database.tolist(), *split.test.tolist()]) == list(range(60_000))
    for rows in (split.train, split.validation, split.validation_database):
        assert np.isin(rows, split.database).all()
    assert not np.isin(split.validation_database, split.train).any()  # validation finds no trained image
