"""A table refuses what no method could use, and its checksum is that of its content."""

import pytest
import torch

from hashbench.data.table import DataTable
from hashbench.errors import UserError


def table(inputs=None, labels=None, num_classes=3, **more):
    inputs = torch.arange(8.0).reshape(4, 2) if inputs is None else inputs
    labels = torch.tensor([0, 1, 2, 0]) if labels is None else labels
    return DataTable("mine", inputs, labels, num_classes, **more)


IMAGES = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).reshape(4, 3, 2, 2)
HOT = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=torch.uint8)


def test_kinds():
    assert (table().kind, table().multilabel, len(table())) == ("feature", False, 4)
    assert (table(IMAGES, HOT).kind, table(IMAGES, HOT).multilabel) == ("image", True)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"labels": torch.tensor([0, 1, 2])}, "3 rows of labels for 4 rows of inputs"),
        (
            {"inputs": torch.tensor([[0, 1], [2, torch.nan], [3, 4], [torch.inf, 0]])},
            "NaN or infinity .* 2 rows .first: 1, 3",
        ),
        ({"labels": torch.tensor([0, -1, 2, 0])}, "0..2, found -1 in 1 row .first: 1"),
        ({"labels": torch.tensor([0, 1, 3, 0])}, "0..2, found 3 in 1 row .first: 2"),
        ({"inputs": IMAGES.float()}, "images are uint8"),
        ({"inputs": IMAGES.int()}, "images are uint8"),
        ({"inputs": torch.zeros(4, 2, dtype=torch.float64)}, "expected uint8 images .* or float32 features"),
        ({"inputs": torch.zeros(4)}, "expected uint8 images .* or float32 features"),
        ({"inputs": torch.zeros(0, 2), "labels": torch.zeros(0, dtype=torch.int64)}, "there are no data"),
        ({"inputs": torch.zeros(4, 0)}, "there are no data"),
        ({"labels": HOT * 2}, "0 and 1 only, other values in 3 rows .first: 0, 2, 3"),
        ({"labels": HOT[:, :2].contiguous()}, "2 columns for 3 classes"),
        ({"labels": HOT.float()}, "expected int64 class ids"),
        ({"labels": torch.tensor([0, 1, 2, 0], dtype=torch.int32)}, "expected int64 class ids"),
        ({"class_names": ("a", "b")}, "2 class names for 3 classes"),
    ],
)
def test_bad_input_is_explained_in_one_line(bad, message):
    with pytest.raises(UserError, match=message) as caught:
        table(**bad)
    assert "mine" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_checksum_follows_content_only():
    same = table()
    assert table().checksum == same.checksum
    assert DataTable("another name", same.inputs, same.labels, 3, ("a", "b", "c")).checksum == same.checksum
    assert table(inputs=torch.arange(8.0).reshape(2, 4).T.contiguous().T.reshape(4, 2)).checksum == same.checksum


@pytest.mark.parametrize(
    "other",
    [
        table(inputs=torch.arange(8.0).reshape(4, 2) + torch.eye(4, 2) * 1e-6),
        table(inputs=torch.arange(8.0).reshape(4, 2).flip(0)),
        table(labels=torch.tensor([0, 1, 2, 1])),
        table(torch.arange(8, dtype=torch.uint8).reshape(4, 2, 1, 1)),
    ],
)
def test_checksum_sees_every_change(other):
    assert other.checksum != table().checksum


def test_checksum_sees_the_shape():
    a, b = IMAGES, IMAGES.reshape(4, 3, 4, 1)
    assert table(a).checksum != table(b).checksum


def test_checksum_of_a_strided_view_is_that_of_its_values():
    view = IMAGES.permute(0, 1, 3, 2)
    assert table(view).checksum == table(view.contiguous()).checksum != table(IMAGES).checksum


def test_device_copy_is_made_once():
    mine = table()
    assert mine.on("cpu") is mine.on(torch.device("cpu"))
    assert mine.on("cpu").inputs.data_ptr() == mine.inputs.data_ptr()
    meta = mine.on("meta")
    assert meta is mine.on("meta")
    assert meta.inputs.device.type == meta.labels.device.type == "meta"
