"""Digits and CIFAR-10: shapes, order, values; and what a person reads when the data are not there."""

import hashlib
import shutil
from urllib.error import URLError

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision import datasets

from hashbench.data.cifar10 import CIFAR10
from hashbench.data.digits import Digits, digits
from hashbench.data.load import load_table
from hashbench.errors import UserError


def test_digits():
    table = Digits().load()
    assert table.inputs.shape == (1797, 1, 8, 8)
    assert (table.kind, table.multilabel, table.num_classes, table.class_names[9]) == ("image", False, 10, "9")
    original = load_digits()
    np.testing.assert_array_equal(table.labels, original.target)
    np.testing.assert_array_equal(np.rint(table.inputs[:, 0].numpy() * (16 / 255)), original.images)
    assert table.inputs.max() == 255


def test_digits_are_asked_of_scikit_learn_where_its_file_is_elsewhere(monkeypatch):
    images, labels = digits()
    monkeypatch.setattr("hashbench.data.digits.find_spec", lambda name: None)
    asked = digits()
    np.testing.assert_array_equal(images, asked[0])
    np.testing.assert_array_equal(labels, asked[1])


@pytest.fixture
def no_network(monkeypatch):
    def refuse(self):
        raise URLError("no route to host")

    monkeypatch.setattr(datasets.CIFAR10, "download", refuse)


def test_cifar10_without_data_or_network_says_what_to_do(tmp_path, no_network):
    with pytest.raises(
        UserError, match=r"looked for cifar-10-batches-py in .*download failed.*no route.*--data-root"
    ) as caught:
        CIFAR10(tmp_path).load()
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cifar10_in_a_place_that_is_not_a_folder(tmp_path, no_network):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError, match=r"nothing can be written there.*--data-root"):
        CIFAR10(file).load()


def test_cifar10_downloads_into_the_root(tmp_path, monkeypatch):
    asked = []

    def download(self):
        asked.append(self.root)
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    with pytest.raises(UserError, match="corrupted"):
        CIFAR10(tmp_path / "new" / "folder").load()
    assert asked == [str(tmp_path / "new" / "folder")]


def test_cifar10_default_root_is_the_cache_folder(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=str(tmp_path / "cache")):
        CIFAR10().load()


def test_unknown_option_is_explained():
    with pytest.raises(UserError, match=r"CIFAR10: there is no option 'augment'"):
        load_table(CIFAR10, None, {"augment": "flip"})


def test_load_table_is_the_data_set_s_table():
    assert load_table(Digits).checksum == Digits().load().checksum


@pytest.fixture(scope="module")
def cifar10(cifar10_root):
    return CIFAR10(cifar10_root).load()


@pytest.mark.real_data
def test_cifar10_is_in_the_original_order(cifar10, cifar10_root, shared_data):
    assert cifar10.inputs.shape == (60_000, 3, 32, 32)
    assert cifar10.inputs.is_contiguous()
    np.testing.assert_array_equal(cifar10.labels, np.load(shared_data / "cifar10" / "y_uint8.npy"))
    for train, offset in ((True, 0), (False, 50_000)):
        reference = datasets.CIFAR10(cifar10_root, train=train, download=False)
        for row in (0, 1, 9_999, len(reference) - 1):
            np.testing.assert_array_equal(cifar10.inputs[offset + row].permute(1, 2, 0), np.asarray(reference[row][0]))
    assert cifar10.class_names[:2] == ("airplane", "automobile")


@pytest.mark.real_data
def test_cifar10_checksum_is_that_of_its_bytes(cifar10):
    digest = hashlib.sha256(b"uint8(60000, 3, 32, 32)" + cifar10.inputs.numpy().tobytes())
    digest.update(b"int64(60000,)" + cifar10.labels.numpy().astype("<i8").tobytes())
    assert cifar10.checksum == digest.hexdigest()


@pytest.mark.real_data
def test_cifar10_takes_the_inner_folder_whatever_its_name(cifar10, cifar10_root, tmp_path, no_network):
    (tmp_path / "renamed").symlink_to(cifar10_root / "cifar-10-batches-py")
    for root in (cifar10_root / "cifar-10-batches-py", tmp_path / "renamed"):
        assert torch.equal(CIFAR10(root).load().labels, cifar10.labels)


@pytest.mark.real_data
def test_cifar10_damaged(cifar10_root, tmp_path, no_network):
    shutil.copytree(cifar10_root / "cifar-10-batches-py", tmp_path / "cifar-10-batches-py")
    with (tmp_path / "cifar-10-batches-py" / "data_batch_3").open("r+b") as file:
        file.seek(10_000)
        file.write(b"damage")
    with pytest.raises(UserError, match="missing or damaged"):
        CIFAR10(tmp_path).load()
