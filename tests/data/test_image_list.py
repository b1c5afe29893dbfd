"""Image lists: the field's formats are read, and every fault is named with its file and line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashbench.data.image_index import DataError, by_kind
from hashbench.data.image_list import ImageList
from hashbench.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """Eight small photographs, `images/0.png` ..., each of one colour of its own."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (20, 16), (30 * number, 100, 200)).save(root / "images" / f"{number}.png")
    return root


def write(folder, **lists):
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def lines(rows, labels="0 1 1"):
    return [f"images/{row}.png {labels}" for row in rows]


def fault(folder, **options):
    """The one-line message of the error, and the places by kind."""
    with pytest.raises(DataError) as caught:
        ImageList(folder, size=16, **options).load()
    assert "\n" not in str(caught.value)
    return str(caught.value), {kind: [str(p) for p in some] for kind, some in by_kind(caught.value.problems).items()}


def test_multi_hot_lists_with_roles(folder):
    write(
        folder,
        train=lines(range(4)),
        test=lines([4, 5], "1 1 0"),
        database=lines([0, 1, 2, 3, 6], "0 1 1"),
        val=lines([7]),
    )
    table = ImageList(folder, size=16).load()
    assert (table.kind, table.multilabel, table.num_classes, table.inputs.shape) == ("image", True, 3, (8, 3, 16, 16))
    paths = ImageList(folder, size=16).index().paths
    named = {role: [paths[row] for row in rows] for role, rows in table.split.items()}
    assert named["train"] == [f"images/{row}.png" for row in range(4)]
    assert named["validation"] == ["images/7.png"]
    assert named["database"] == [f"images/{row}.png" for row in (0, 1, 2, 3, 6)]
    for path, pixels, label in zip(paths, table.inputs, table.labels, strict=True):
        number = int(path[7])
        assert pixels[:, 8, 8].tolist() == [30 * number, 100, 200]
        assert label.tolist() == ([1, 1, 0] if number in (4, 5) else [0, 1, 1])


def test_one_hot_and_single_ids_are_class_ids(folder):
    hot = write(folder, train=lines([0, 1], "0 1 0") + lines([2], "1 0 0"), test=lines([3], "0 0 1"))
    table = ImageList(hot, size=16).load()
    assert (table.multilabel, table.num_classes) == (False, 3)
    assert table.labels[table.split["train"]].tolist() == [1, 1, 0]
    table = ImageList(write(folder, train=lines([0, 1], "7") + lines([2], "3"), test=lines([3], "7")), size=16).load()
    assert (table.labels[table.split["train"]].tolist(), table.class_names) == ([1, 1, 0], ("3", "7"))


def test_one_list_file_has_no_split(folder):
    write(folder, all=[*lines([0, 1], "0"), "", *lines([2], "1")])
    table = ImageList(folder / "all.txt", size=16).load()
    assert (len(table), table.split) == (3, None)


def test_other_folder_and_prefix(folder):
    write(folder, all=["./data/set/0.png 0", "./data/set/1.png 1"])
    index = ImageList(folder / "all.txt", images="images", prefix="./data/set/").index()
    assert index.paths == ("0.png", "1.png")
    assert not index.missing()


def test_missing_images_are_named_by_file_and_line(folder):
    write(folder, train=lines([0, 8, 1, 9]), test=lines([2, 10, 11, 12]))
    message, places = fault(folder)
    assert "missing image: 5 (test.txt line 2: images/10.png, test.txt line 3: images/11.png" in message
    assert places == {
        "missing image": [f"test.txt line {n}: images/{8 + n}.png" for n in (2, 3, 4)]
        + ["train.txt line 2: images/8.png", "train.txt line 4: images/9.png"]
    }


def test_all_unreadable_images_are_named_and_nothing_is_kept(folder, tmp_path):
    whole = (folder / "images" / "3.png").read_bytes()
    (folder / "images" / "3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "images" / "5.png").write_text("no image")
    (folder / "images" / "6.png").write_bytes(b"")
    write(folder, all=lines(range(8)))
    _, places = fault(folder / "all.txt")
    assert [place.partition(" (")[0] for place in places["unreadable image"]] == [
        f"all.txt line {n + 1}: images/{n}.png" for n in (3, 5, 6)
    ]
    assert not list((tmp_path / "cache" / "images").glob("*.npy"))
    assert not list((tmp_path / "cache" / "images").glob(".*.tmp"))


@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ("images/7.png 0 1", "label of the wrong width", "2 labels, most lines have 3"),
        ("images/7.png 0 1 0 0", "label of the wrong width", "4 labels, most lines have 3"),
        ("images/7.png 0 2 0", "label other than 0 and 1", "2 among 3 labels"),
        ("images/7.png 0 cat 0", "label that is not a whole number", "'cat' "),
        ("images/7.png 0 0.5 0", "label that is not a whole number", "'0.5' "),
        (
            "images/a dog.png 0 1 0",
            "label that is not a whole number",
            "'dog.png' (only digits; a path with spaces in",
        ),
        ("images/7.png", "line without labels", "images/7.png"),
        ("../7.png 0 1 0", "path outside the folder of the images", "../7.png"),
        ("/images/7.png 0 1 0", "path outside the folder of the images", "/images/7.png"),
        ("images/0.png 1 0 0", "different labels", "images/0.png has other labels in all.txt line 1"),
    ],
)
def test_faulty_lines_are_named(folder, line, kind, what):
    write(folder, all=[*lines([0, 1, 2, 3]), line])
    message, places = fault(folder / "all.txt")
    assert list(places) == [kind]
    assert places[kind][0].startswith(f"all.txt line 5: {what}")
    assert f"{kind}: 1 (all.txt line 5: {what}" in message


@pytest.mark.parametrize("value", ["-1", "99999999999999999999"])
def test_impossible_ids(folder, value):
    write(folder, all=lines([0, 1], "0") + lines([2], value))
    assert fault(folder / "all.txt")[1] == {"impossible class id": [f"all.txt line 3: {value}"]}


def test_faults_of_all_kinds_are_counted_together(folder, monkeypatch):
    monkeypatch.chdir(folder)  # a short path: of long ones, messages have no room for places
    write(folder, all=[*lines(range(4)), *lines([4, 5], "0 1"), "x.png a"])
    message, _ = fault(Path("all.txt"))
    assert "label that is not a whole number: 1 (" in message
    assert "label of the wrong width: 2 (all.txt line 5: 2 labels" in message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "none", "there is no folder and no list file"),
        (lambda root: root, "no train.txt and test.txt in"),
        (lambda root: None, "which lists"),
        (lambda root: write(root, all=[""]) / "all.txt", "the list is empty"),
        (lambda root: write(root, all=lines([0])) / "all.txt", "one image only"),
        (
            lambda root: write(root, val=lines([0]), valid=lines([1])),
            "val.txt and valid.txt in .* are both the validation",
        ),
        (lambda root: root / "images" / "0.png", "0.png: cannot be read"),
    ],
)
def test_lists_that_cannot_be_read(folder, make, message):
    with pytest.raises(UserError, match=message) as caught:
        ImageList(make(folder), size=16).load()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [7, 5000, 1.5, "large", True])
def test_impossible_sizes(folder, size):
    with pytest.raises(UserError, match="images are stored at 8 to 4096 pixels"):
        ImageList(folder, size=size)


def test_rows_of_overlapping_lists_are_shared(folder):
    index = ImageList(write(folder, train=lines([0, 1]), test=lines([1, 2]))).index()
    assert len(index) == 3
    shared = np.intersect1d(index.split["train"], index.split["test"])
    assert [index.paths[row] for row in shared] == ["images/1.png"]


def test_gallery_and_other_usual_names_are_roles(folder):
    write(folder, training=lines([0, 1]), probe=lines([2]), gallery=lines([3, 4, 5]))
    index = ImageList(folder).index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 2, "test": 1, "database": 3}
    assert index.notes == ()


def test_lists_that_are_not_used_are_named(folder):
    write(folder, train=lines([0, 1]), test=lines([2]), gallery_old=lines([3]), train_list=lines([4]), classes=["a"])
    (folder / "database.csv").touch()
    index = ImageList(folder).index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 2, "test": 1}
    assert index.notes == (
        "left out: 4 files that are no lists of a part by their names "
        "(classes.txt, gallery_old.txt, train_list.txt, database.csv)",
    )


def test_longer_names_are_lists_where_there_is_no_shorter_one(folder):
    write(folder, train_list=lines([0, 1]), test_list=lines([2]), database_list=lines([3]))
    index = ImageList(folder).index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 2, "test": 1, "database": 1}


def test_validation_list_serves_as_test_where_there_is_none(folder):
    index = ImageList(write(folder, train=lines([0, 1]), val=lines([2]))).index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 2, "test": 1}
    assert index.notes == ("there is no test part: val.txt serves as test, and validation is drawn from train",)


@pytest.mark.parametrize("names", [("paths", "labels"), ("images", "label"), ("img", "image_labels")])
def test_paths_and_labels_in_two_files(folder, names):
    paths, labels = names
    write(folder, **{paths: [f"images/{n}.png" for n in range(3)], labels: ["0", "1", "0"]})
    for index in (ImageList(folder).index(), ImageList(folder / f"{paths}.txt", labels=f"{labels}.txt").index()):
        assert index.paths == ("images/0.png", "images/1.png", "images/2.png")
        assert (index.labels.tolist(), index.split) == ([0, 1, 0], None)


def test_parts_in_two_files_each(folder):
    for role, rows in (("train", (0, 1, 2)), ("test", (3,)), ("database", (4, 5))):
        named = {f"{role}_img": [f"images/{row}.png" for row in rows], f"{role}_label_onehot": ["0 1 1"] * len(rows)}
        write(folder, **named)
    index = ImageList(folder).index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 3, "test": 1, "database": 2}
    assert index.notes == ()


def test_files_of_paths_and_labels_of_other_lengths_are_refused(folder):
    write(folder, paths=["images/0.png", "images/1.png"], labels=["0"])
    with pytest.raises(UserError, match=r"paths.txt and labels.txt in .*: 2 lines of paths, 1 of labels; give as many"):
        ImageList(folder).index()


def test_a_path_with_spaces_stands_in_quotes(folder):
    write(folder, all=['"my images/a cat.png" 0', "'b.png'\t1", 'it"s.png 1'])
    assert ImageList(folder / "all.txt").index().paths == ("my images/a cat.png", "b.png", 'it"s.png')
    write(folder, paths=["my images/a cat.png", '"b c.png"'], labels=["0", "1"])
    assert ImageList(folder / "paths.txt", labels="labels.txt").index().paths == ("my images/a cat.png", "b c.png")


@pytest.mark.parametrize("word", ["1_2", "+1", "１", "१", "²", "1.0", "0x1", "1" * 5000, "1\u00a02"])
def test_labels_are_plain_numbers(folder, word):
    write(folder, all=[*lines([0, 1], "12"), *lines([2], word)])
    message, places = fault(folder / "all.txt")
    assert list(places) == ["label that is not a whole number"]
    assert "all.txt line 3" in message
    assert len(message) <= 300


@pytest.mark.parametrize("labels", ["7", "0 1 0"])
def test_one_class_is_refused(folder, labels):
    write(folder, all=lines(range(4), labels))
    with pytest.raises(UserError, match=r"images of one class only \([71]\); give images of two classes at least"):
        ImageList(folder / "all.txt").index()


def test_an_image_named_twice_by_one_list_is_said(folder):
    write(folder, all=[*lines([0, 1], "0"), *lines([2], "1"), *lines([0, 0], "0")])
    index = ImageList(folder / "all.txt").index()
    assert (len(index), index.notes) == (3, ("2 lines name an image again, which is one row",))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_before_the_first_letter_are_no_part_of_a_path(folder, encoding):
    (folder / "all.txt").write_bytes("\r\n".join([*lines([0, 1], "0"), *lines([2], "1")]).encode(encoding))
    index = ImageList(folder / "all.txt").index()
    assert (len(index), index.missing()) == (3, [])


def test_a_list_in_another_encoding_is_refused_with_its_line(folder):
    (folder / "all.txt").write_bytes("images/0.png 0\nimages/grün.png 1\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"all.txt: cannot be read \(no utf-8: byte 0xfc in line 2\); give a text file"):
        ImageList(folder / "all.txt").index()


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\0b", "\u202e.png"])
def test_impossible_paths_are_missing_images(folder, name):
    write(folder, all=[*lines([0, 1], "0"), *lines([2], "1"), f"images/{name} 1"])
    message, places = fault(folder / "all.txt")
    assert list(places) == ["missing image"]
    assert message.startswith("image list ")
    assert "missing image: 1 (all.txt line 4: " in message
    assert len(message) <= 300
    assert message.isprintable()
