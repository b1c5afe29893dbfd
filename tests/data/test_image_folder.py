"""Folders of images: what is a part, what is a class, and that nothing is left out in silence."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from hashbench.data.image_folder import ImageFolder
from hashbench.data.image_index import DataError
from hashbench.data.image_walk import ImageWalk
from hashbench.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def fill(root, *folders, count=2):
    """`count` files named like images in each folder; an index opens none of them."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (root / folder / f"{number}.png").touch()


def classes(role):
    return [f"{role}/{name}" for name in ("cat", "dog")]


def roles(index):
    return {role: len(rows) for role, rows in (index.split or {}).items()}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["train", "test"], {"train": 4, "test": 4}),
        (["Train", "QUERY", "gallery"], {"train": 4, "test": 4, "database": 4}),
        (["training", "testing", "validation", "base"], {"train": 4, "test": 4, "validation": 4, "database": 4}),
        (["train_set", "test_set"], {"train": 4, "test": 4}),
        (["TrainImages", "test-images"], {"train": 4, "test": 4}),
        (["train2014", "queries2014"], {"train": 4, "test": 4}),
    ],
)
def test_folders_named_after_parts_are_parts(root, folders, expected):
    fill(root, *(name for folder in folders for name in classes(folder)))
    index = ImageFolder(root).index()
    assert roles(index) == expected
    assert index.class_names == ("cat", "dog")
    assert index.notes == ()


@pytest.mark.parametrize("other", ["unlabeled", "extra", "gallery.old"])
def test_a_folder_beside_parts_is_left_out_and_named(root, other):
    fill(root, *classes("train"), *classes("test"), other)
    index = ImageFolder(root).index()
    assert roles(index) == {"train": 4, "test": 4}
    assert index.class_names == ("cat", "dog")
    assert index.notes == (f"left out: 1 folders named after no part of the data ({other})",)


@pytest.mark.parametrize("made", ["__MACOSX", ".git", "@eaDir", "lost+found"])
def test_folders_of_the_system_are_neither_parts_nor_classes(root, made):
    fill(root, *classes("train"), *classes("test"), f"{made}/train", "train/cat/" + made)
    index = ImageFolder(root).index()
    assert roles(index) == {"train": 4, "test": 4}
    assert index.notes == (f"left out: 2 hidden or made by the system ({made}, train/cat/{made})",)


def test_one_part_beside_other_folders_is_refused(root):
    fill(root, *classes("train"), "unlabeled")
    with pytest.raises(UserError, match=r"train looks like a part of the data, the folders beside it do not; move"):
        ImageFolder(root).index()


def test_a_class_may_be_called_train(root):
    fill(root, "train", "car", "bus")
    index = ImageFolder(root).index()
    assert (index.class_names, index.split) == (("bus", "car", "train"), None)
    assert index.notes == ("the folder train is a class here, as those beside it, and no part of the data",)


def test_parts_below_classes_are_named(root):
    fill(root, "cat/train", "cat/test", "dog/train")
    index = ImageFolder(root).index()
    assert index.split is None
    assert "folders named after parts lie below classes (cat/test, dog/train)" in index.notes[0]


def test_parts_one_folder_further_down_are_pointed_at(root):
    fill(root, *("set/" + name for role in ("train", "test") for name in classes(role)))
    with pytest.raises(UserError, match=r"images of one class only \(set\); it holds test: is --data-root .*set meant"):
        ImageFolder(root).index()


def test_validation_serves_as_test_where_there_is_none(root):
    fill(root, *classes("train"), *classes("val"))
    index = ImageFolder(root).index()
    assert roles(index) == {"train": 4, "test": 4}
    assert all(index.paths[row].startswith("val/") for row in index.split["test"])
    assert index.notes == ("there is no test part: val serves as test, and validation is drawn from train",)


def test_hidden_files_and_folders_below_a_class_are_left_out(root):
    fill(root, "cat", "dog", "cat/.ipynb_checkpoints", "cat/inner")
    (root / "dog" / "._0.png").touch()
    index = ImageFolder(root).index()
    assert index.paths == ("cat/0.png", "cat/1.png", "cat/inner/0.png", "cat/inner/1.png", "dog/0.png", "dog/1.png")
    assert index.notes == ("left out: 2 hidden or made by the system (cat/.ipynb_checkpoints, dog/._0.png)",)


def test_what_is_no_image_and_what_lies_beside_the_classes_is_counted(root):
    fill(root, *classes("train"), *classes("test"))
    for name in ("README.txt", "a.png", "train/b.png", "train/cat/notes.txt", "train/cat/x.HEIC", "test/dog/list"):
        (root / name).touch()
    index = ImageFolder(root).index()
    assert len(index) == 8
    assert index.notes == (
        "left out: 2 images outside the folders of the classes (a.png, train/b.png)",
        "left out: 4 files that are no images by their names (2 .txt, 1 .heic, 1 without a suffix)",
    )


def test_a_folder_named_like_an_image_is_a_folder(root):
    fill(root, "cat", "dog", "cat/album.jpg")
    index = ImageFolder(root).index()
    assert not index.missing()
    assert "cat/album.jpg/1.png" in index.paths


def test_links_are_followed_and_circles_left_out(root, tmp_path):
    fill(root, "cat", "dog")
    fill(tmp_path, "elsewhere/more")
    (root / "cat" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "dog" / "up").symlink_to(root / "dog")
    (root / "dog" / "2.png").symlink_to("0.png")
    index = ImageFolder(root).index()
    assert [path for path in index.paths if "linked" in path] == ["cat/linked/more/0.png", "cat/linked/more/1.png"]
    assert [path for path in index.paths if path.startswith("dog")] == ["dog/0.png", "dog/1.png", "dog/2.png"]
    assert index.notes == ("left out: 1 links back to a folder above (dog/up)",)


def test_broken_links_are_missing_images(root):
    fill(root, "cat", "dog")
    (root / "cat" / "9.png").symlink_to("gone.png")
    assert [problem.what for problem in ImageFolder(root).index().missing()] == ["cat/9.png"]


def test_a_folder_that_cannot_be_read_is_refused(root, monkeypatch):
    fill(root, "cat/inner", "dog")
    real = os.scandir

    def scandir(folder):
        if str(folder).endswith("inner"):
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"unreadable folder: 1 \(.*cat/inner \(Permission denied\)\); correct their"):
        ImageFolder(root).index()


@pytest.mark.parametrize("name", ["two\nlines", "two\rlines", "two\u2028lines", "two\x85lines"])
@pytest.mark.parametrize("of", ["class", "file"])
def test_a_line_break_in_a_name_is_refused(root, name, of):
    fill(root, "cat", "dog")
    fill(root, name) if of == "class" else (root / "cat" / f"{name}.png").touch()
    with pytest.raises(DataError, match=r"file name with a line break: \d \(.*two\\.*lines") as caught:
        ImageFolder(root).index()
    assert str(caught.value).isprintable()


def test_names_that_are_no_utf8_are_read_and_shown_as_escapes(root):
    folder = os.path.join(os.fsencode(root), b"gr\xfcn")
    os.mkdir(folder)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(os.path.join(os.fsdecode(folder), "0.png"))
    (root / "rot").mkdir()
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(root / "rot" / "0.png")
    table = ImageFolder(root, size=8).load()
    assert table.class_names == ("gr\\udcfcn", "rot")
    assert table.inputs[:, 0, 0, 0].tolist() == [0, 9]


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_impossible_roots_are_refused_in_a_line(name):
    with pytest.raises(UserError, match="cannot be read") as caught:
        ImageFolder(name).index()
    assert len(str(caught.value)) < 300


def test_a_walk_takes_any_depth(root):
    deep = root
    for _ in range(300):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "a.png").touch()
    assert len(ImageWalk(root).images(root)) == 1
