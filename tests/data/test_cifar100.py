"""CIFAR-100 in torchvision's layout, and a part of it in one file."""

import hashlib
import pickle

import numpy as np
import pytest
from torchvision import datasets

from hashbench.data.cifar100 import CIFAR100
from hashbench.errors import UserError


@pytest.fixture
def python_files(tmp_path, monkeypatch):
    """`cifar-100-python` with 20 training and 10 test images, and their md5 sums in place of the published ones."""
    folder, random, sums = tmp_path / "cifar-100-python", np.random.RandomState(0), {}
    folder.mkdir()
    for name, count in (("train", 20), ("test", 10)):
        content = {
            "data": random.randint(0, 256, (count, 3072), dtype=np.uint8),
            "fine_labels": list(range(90, 90 + min(count, 10))) * (count // 10),
        }
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"class{number}" for number in range(100)]}))
    for file in folder.iterdir():
        sums[file.name] = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.CIFAR100, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(datasets.CIFAR100, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(datasets.CIFAR100, "meta", {**datasets.CIFAR100.meta, "md5": sums["meta"]})
    return tmp_path


def test_torchvision_s_layout(python_files):
    table = CIFAR100(python_files).load()
    assert (table.name, table.num_classes, table.inputs.shape) == ("cifar100", 100, (30, 3, 32, 32))
    assert table.labels.tolist() == list(range(90, 100)) * 3
    assert table.class_names[99] == "class99"
    for train, start in ((True, 0), (False, 20)):
        image, label = datasets.CIFAR100(python_files, train=train)[3]
        np.testing.assert_array_equal(table.inputs[start + 3].permute(1, 2, 0), np.asarray(image))
        assert table.labels[start + 3] == label


def test_no_data(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR100, "download", lambda self: (_ for _ in ()).throw(OSError("no route")))
    with pytest.raises(UserError, match=r"CIFAR-100: looked for cifar-100-python in .*no route.*--data-root"):
        CIFAR100(tmp_path).load()


def test_a_part_in_a_file(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "part.npz", images=images, labels=np.array([0, 99, 3, 3, 1], dtype=np.uint8))
    table = CIFAR100(tmp_path / "part.npz").load()
    assert table.labels.tolist() == [0, 99, 3, 3, 1]
    np.testing.assert_array_equal(table.inputs.permute(0, 2, 3, 1), images)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((2, 32, 32, 3), np.uint8)}, r"holds images \(2, 32, 32, 3\) uint8; needed are images"),
        ({"images": np.zeros((2, 32, 32, 3)), "labels": np.zeros(2)}, "needed are images .* uint8"),
        ({"images": np.zeros((2, 3, 32, 32), np.uint8), "labels": np.zeros(2)}, "needed are images"),
        ({"images": np.zeros((2, 32, 32, 3), np.uint8), "labels": np.array([0, 100])}, r"0\.\.99, found 100"),
    ],
)
def test_files_of_something_else(tmp_path, arrays, message):
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(UserError, match=message):
        CIFAR100(tmp_path / "part.npz").load()
