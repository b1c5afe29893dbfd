"""Lists in the package find their images, in the layout of the list or by file name."""

import numpy as np
import pytest
from PIL import Image

from hashbench.data import published_list
from hashbench.data.image_index import DataError
from hashbench.data.published_list import PublishedList, read_published, write_published
from hashbench.errors import UserError

PATHS = ["train/x1.jpg", "train/x2.jpg", "val/x3.jpg"]
HOT = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_list(tmp_path, monkeypatch):
    """A package that holds one list of three images."""
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(published_list, "_FILES", tmp_path / "lists")
    (tmp_path / "lists").mkdir()
    write_published(tmp_path / "lists" / "three.npz", PATHS, HOT)


@pytest.fixture
def images(tmp_path):
    """Folders a, b and c below a root, with an image each."""
    for name, grey in (("a/x1", 10), ("b/x2", 20), ("c/x3", 30)):
        file = tmp_path / "images" / f"{name}.jpg"
        file.parent.mkdir(parents=True)
        Image.new("L", (16, 16), grey).save(file)
    return tmp_path / "images"


@pytest.mark.parametrize("labels", [HOT, np.array([5, 0, 299])], ids=["multi-hot", "ids"])
def test_written_lists_read_as_they_were(tmp_path, labels):
    write_published(tmp_path / "lists" / "again.npz", PATHS, labels)
    paths, read = read_published("again")
    assert paths == PATHS
    np.testing.assert_array_equal(read, labels)


def test_layout_of_the_list(images):
    with pytest.raises(DataError, match=r"three: missing image: 3 \(three row 0: train/x1.jpg"):
        PublishedList(images, "three", size=16).load()
    (images / "a").rename(images / "train")
    (images / "b" / "x2.jpg").rename(images / "train" / "x2.jpg")
    (images / "c").rename(images / "val")
    table = PublishedList(images, "three", size=16).load()
    assert table.inputs[:, 0, 0, 0].tolist() == [10, 20, 30]
    np.testing.assert_array_equal(table.labels, HOT)


def test_by_file_names(images):
    table = PublishedList(images, "three", size=16, anywhere=True).load()
    assert table.inputs[:, 0, 0, 0].tolist() == [10, 20, 30]
    (images / "c" / "x3.jpg").unlink()
    with pytest.raises(DataError, match=r"missing image: 1 \(three row 2: val/x3.jpg\)"):
        PublishedList(images, "three", size=16, anywhere=True).load()
    (images / "c" / "x2.jpg").write_text("")
    with pytest.raises(UserError, match=r"b/x2.jpg and c/x2.jpg have one name|c/x2.jpg and b/x2.jpg have one name"):
        PublishedList(images, "three", anywhere=True).index()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((".", "thre"), "no list 'thre' in the package. Did you mean three"),
        ((None, "three"), "where are the images"),
        (("none", "three"), "there is no folder none"),
    ],
)
def test_wrong_requests(arguments, message):
    with pytest.raises(UserError, match=message):
        PublishedList(*arguments).index()
