"""The shipped manifests are what their documented functions give, and are what they say they are."""

import numpy as np
import pytest

from hashbench.data.digits import Digits
from hashbench.errors import UserError
from hashbench.protocol import read_manifest
from hashbench.protocol.draw import AUTHORS_FILES, draw_cifar10_54k, draw_digits, main, read_dualhash, write_manifest


def per_class(labels, rows):
    return np.bincount(labels[rows], minlength=10).tolist()


def test_digits_is_as_drawn():
    assert draw_digits(Digits().load().labels.numpy()).checksum == read_manifest("digits").checksum


def test_digits_roles():
    split, labels = read_manifest("digits"), Digits().load().labels.numpy()
    assert split.counts == {
        "train": 1000,
        "validation": 297,
        "validation_database": 1000,
        "database": 1000,
        "test": 500,
    }
    assert sorted(np.concatenate([split.train, split.validation, split.test]).tolist()) == list(range(1797))
    whole = np.bincount(labels) / len(labels)
    for rows in split.arrays.values():
        assert (abs(np.array(per_class(labels, rows)) - whole * len(rows)) <= 1).all()


@pytest.mark.real_data
def test_cifar10_54k_is_as_drawn(cifar10_labels):
    assert draw_cifar10_54k(cifar10_labels).checksum == read_manifest("cifar10-54k").checksum


@pytest.mark.real_data
def test_cifar10_54k_roles(cifar10_labels):
    split = read_manifest("cifar10-54k")
    sizes = {"train": 450, "validation": 50, "validation_database": 500, "database": 5400, "test": 100}
    assert {role: per_class(cifar10_labels, rows) for role, rows in split.arrays.items()} == {
        role: [size] * 10 for role, size in sizes.items()
    }
    everything = np.concatenate([split.train, split.validation, split.database, split.test])
    assert sorted(everything.tolist()) == list(range(60_000))
    assert np.isin(split.validation_database, split.database).all()


@pytest.mark.real_data
def test_cifar10_dualhash_is_the_authors(cifar10_labels, shared_data):
    split = read_manifest("cifar10-dualhash")
    for role, file in AUTHORS_FILES.items():
        np.testing.assert_array_equal(getattr(split, role), np.load(shared_data / "dualhash_splits" / file))
    np.testing.assert_array_equal(split.database, split.train)
    np.testing.assert_array_equal(split.validation_database, split.train)
    for role, size in (("train", 1000), ("validation", 500), ("test", 500)):
        assert per_class(cifar10_labels, getattr(split, role)) == [size] * 10


@pytest.mark.real_data
def test_other_lists_are_not_taken_for_the_authors(cifar10_labels, shared_data, tmp_path):
    with pytest.raises(UserError, match="no DualHash lists in"):
        read_dualhash(tmp_path, cifar10_labels)
    for file in AUTHORS_FILES.values():
        np.save(tmp_path / file, np.load(shared_data / "dualhash_splits" / file)[:-1])
    with pytest.raises(UserError, match="does not hold the classes equally often"):
        read_dualhash(tmp_path, cifar10_labels)


@pytest.mark.parametrize("name", ["digits", "cifar10-54k", "cifar10-dualhash"])
def test_written_manifests_read_as_they_were(name, tmp_path):
    split = read_manifest(name)
    write_manifest(split, tmp_path / "copy.npz")
    assert read_manifest(str(tmp_path / "copy.npz")).checksum == split.checksum


def test_program_writes_the_manifest_and_prints_its_checksum(tmp_path, capsys):
    main(["--out", str(tmp_path)])
    assert f"digits {read_manifest('digits').checksum}" in capsys.readouterr().out
    assert read_manifest(str(tmp_path / "digits.npz")).checksum == read_manifest("digits").checksum
