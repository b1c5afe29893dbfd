"""Feature files of further habits: parts by any name, splits as words and numbers, both matrices on their side, HDF5."""

import os
import re

import numpy as np
import pytest

from hashbench.data.cifar100 import CIFAR100
from hashbench.data.features import Features
from hashbench.data.targets import encode
from hashbench.errors import UserError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype(np.float32)
IDS = np.arange(12) % 3
HOT = np.eye(3, dtype=int)[IDS]
SEVERAL = HOT | np.eye(3, dtype=int)[(IDS + RNG.integers(0, 2, 12)) % 3]
PARTS = {"train": slice(0, 7), "test": slice(7, 12)}


@pytest.fixture
def load(tmp_path):
    def save_and_load(arrays, **options):
        np.savez(tmp_path / "mine.npz", **arrays)
        return Features(tmp_path / "mine.npz", **options).load()

    return save_and_load


def refused(load, arrays, *words, **options):
    with pytest.raises(UserError) as caught:
        load(arrays, **options)
    said = str(caught.value)
    assert "\n" not in said
    for word in words:
        assert word in said, said
    return said


def parts(x_name, y_name, targets=IDS, **named):
    """Arrays by part; `named` says what the parts are called: train='tr'."""
    arrays = {}
    for part, rows in PARTS.items():
        arrays[x_name.format(named.get(part, part))] = X[rows]
        arrays[y_name.format(named.get(part, part))] = targets[rows]
    return arrays


def assert_whole(table, targets=IDS):
    assert {role: rows.tolist() for role, rows in table.split.items()} == {
        "train": list(range(7)),
        "test": list(range(7, 12)),
    }
    np.testing.assert_array_equal(table.inputs, X)
    np.testing.assert_array_equal(table.labels, targets)


# --- parts


@pytest.mark.parametrize(
    ("x_name", "y_name", "named"),
    [
        ("I_{}", "L_{}", {"train": "tr", "test": "te"}),
        ("X{}", "L{}", {"train": "Train", "test": "Test"}),
        ("{}_x", "{}_lab", {"train": "trn", "test": "tst"}),
        ("{}_img", "{}_cls", {"train": "training", "test": "query"}),
        ("images_{}", "l_{}", {"train": "train", "test": "queries"}),
    ],
)
def test_parts_of_other_names(load, x_name, y_name, named):
    table = load(parts(x_name, y_name, HOT, **named))
    assert_whole(table)
    assert table.notes == ()


@pytest.mark.parametrize("options", [{"features": "cnn", "labels": "ann"}, {"features": "cnn_tr", "labels": "ann_te"}])
def test_parts_are_named_by_what_they_share_or_by_one_of_them(load, options):
    arrays = parts("cnn_{}", "ann_{}", train="tr", test="te")
    assert_whole(load(arrays, **options))
    refused(load, arrays, "features=cnn for cnn_tr, cnn_te")
    refused(load, arrays, "there is no array 'gist' as features=gist says", features="gist", labels="ann")


def test_a_third_modality_is_named_and_left_out(load):
    arrays = parts("X{}", "L{}", train="Train", test="Test") | parts("Y{}", "Z{}", X, train="Train", test="Test")
    refused(load, arrays, "several arrays may be the labels: l, y; choose with labels=NAME")
    table = load(arrays, features="X", labels="L")
    assert_whole(table)
    assert len(table.notes) == 1
    assert re.match(r"mine.npz: not used: YTrain \(7,", table.notes[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X_gallery": X}, ["X_gallery has no labels beside it; add them, or remove it"]),
        ({"y_val": IDS}, ["y_val has no features beside it; add them, or remove it"]),
        ({"X_test": None, "y_test": None}, ["there is X_train, but no test part; add it"]),
        ({"X": X, "y": IDS}, ["X and y stand beside parts", "if they are the training part", "X_train"]),
        ({"y_test": np.array(["a"] * 5)}, ["the labels of some parts are words, of others numbers"]),
    ],
)
def test_no_part_is_lost(load, change, words):
    arrays = {name: a for name, a in (parts("X_{}", "y_{}") | change).items() if a is not None}
    refused(load, arrays, *words)


def test_a_gallery_is_a_database(load):
    table = load(parts("X_{}", "y_{}") | {"X_gallery": X[:3], "y_gallery": IDS[:3]})
    assert {role: len(rows) for role, rows in table.split.items()} == {"train": 7, "database": 3, "test": 5}


def test_names_of_classes_beside_parts_are_no_labels(load):
    table = load(parts("X_{}", "y_{}") | {"classes": np.array(["a", "b", "c"])})
    assert_whole(table)
    assert table.notes == ("mine.npz: not used: classes (3,) <U1",)


def test_what_is_not_used_is_named(load):
    others = {f"extra{number}": np.zeros(number) for number in range(20)}
    (note,) = load({"X": X, "y": IDS, "X_gallery": X, **others}).notes
    assert note.startswith("mine.npz: not used: X_gallery (12, 5) float32, extra0 (0,)")
    assert note.endswith(" 11 more")
    assert load({"X": X, "y": IDS}).notes == ()


# --- splits


@pytest.mark.parametrize("name", ["split", "Set", "which", "meta.part"])
@pytest.mark.parametrize("kind", [str, bytes])
def test_one_array_may_say_the_role_of_each_row(load, name, kind):
    words = np.array(["Train "] * 5 + ["val"] * 2 + ["TEST"] * 3 + ["gallery"] * 2)
    table = load({"X": X, "y": IDS, name: words if kind is str else np.char.encode(words)})
    rows = {role: rows.tolist() for role, rows in table.split.items()}
    assert rows == {"train": [0, 1, 2, 3, 4], "validation": [5, 6], "database": [10, 11], "test": [7, 8, 9]}
    assert table.notes == ()


def test_rows_of_other_words_are_left_out_and_said(load):
    table = load({"X": X, "y": IDS, "split": np.array(["train"] * 5 + ["extra"] * 4 + ["test"] * 3)})
    assert {role: len(rows) for role, rows in table.split.items()} == {"train": 5, "test": 3}
    assert table.notes == ("4 rows play no role: split says extra",)


def test_words_that_are_no_split(load):
    odd = np.array(["train"] * 8 + ["held-out"] * 4)
    refused(load, {"X": X, "y": IDS, "split": odd}, "split says held-out, train: it needs the words train and test")
    refused(load, {"X": X, "y": IDS, "a": np.array(["train"] * 12)}, "a says train: it needs")
    both = {"split": np.array(["train"] * 8 + ["test"] * 4), "test_idx": np.arange(3)}
    refused(load, {"X": X, "y": IDS} | both, "split, test_idx each say which rows play a role")
    table = load({"X": X, "y": IDS, "names": np.array([f"image{i}" for i in range(12)]), "split": np.arange(12)})
    assert table.split is None
    assert table.notes == ("mine.npz: not used: names (12,) <U7, split (12,) int64",)


@pytest.mark.parametrize("kind", [bool, np.uint8, float, np.int64])
@pytest.mark.parametrize("name", ["{}_mask", "{}", "{}_idx"])
def test_masks_may_be_numbers(load, kind, name):
    arrays = {
        name.format(part): np.isin(np.arange(12), np.arange(12)[rows]).astype(kind) for part, rows in PARTS.items()
    }
    assert_whole(load({"X": X, "y": IDS, **arrays}))
    if name == "{}_mask":
        assert_whole(load({"X": X, "y": IDS, **{key: mask[:, None] for key, mask in arrays.items()}}))


def test_two_row_numbers_are_no_mask(load):
    assert load({"X": X, "y": IDS, "train": [0, 1], "test": [1, 0]}).split["test"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train": np.array([1, 0, 1, 0])}, "the mask train has 4 entries for 12 rows"),
        ({"test_mask": np.arange(12)}, "the mask test_mask holds other values than 0 and 1"),
        ({"test": [3, 12]}, "test names row 12, there are 0 to 11; rows count from 0 here, so subtract 1"),
        ({"test": [3, 40]}, "test names row 40, there are 0 to 11; correct it"),
        ({"test": [-1, 3]}, "test names row -1, there are 0 to 11"),
        ({"test": [3.0, np.inf]}, "test is no list of row numbers: they are whole"),
        ({"test": [3.0, np.nan]}, "test is no list of row numbers"),
        ({"test": [3.0, 1e300]}, "test names row 1e+300"),
        ({"test": np.array([2**63], dtype=np.uint64)}, "test names row 9.22337e+18"),
        ({"gallery": [1, 3], "database": [4, 5]}, "several arrays may be the rows of database: gallery, database"),
    ],
)
def test_rows_that_there_are_not_are_refused(load, arrays, words):
    refused(load, {"X": X, "y": IDS, **arrays}, words)


# --- on their side


@pytest.mark.parametrize("targets", [HOT, 2 * HOT - 1])
def test_both_on_their_side_with_as_many_features_as_classes(load, targets):
    x = X[:, :3]
    for arrays in ({"X": x, "y": targets}, {"X": x.T, "y": targets.T}):
        table = load(arrays)
        np.testing.assert_array_equal(table.inputs, x)
        np.testing.assert_array_equal(table.labels, IDS)


def test_what_the_labels_leave_open_is_asked(load):
    x = X[:, :3]
    np.testing.assert_array_equal(load({"X": x, "y": SEVERAL}).labels, SEVERAL)
    turned = {"X": x.T, "y": SEVERAL.T}
    refused(load, turned, "X and y fit in two ways; give rows=3 or rows=12")
    np.testing.assert_array_equal(load(turned, rows=12).labels, SEVERAL)
    few = {"X": X[:5, :3].T @ np.ones((5, 5)), "y": np.eye(5, dtype=int)[[0, 1, 1]]}  # 3 rows of 5 classes
    refused(load, few, "give rows=3 or rows=5")
    assert load(few, rows=3).labels.tolist() == [0, 1, 1]


def test_parts_on_their_side_are_told_by_each_other(load):
    x, arrays = X[:, :3], {}
    for part, rows in PARTS.items():
        arrays |= {f"X_{part}": x[rows].T, f"y_{part}": SEVERAL[rows].T}
    np.testing.assert_array_equal(load(arrays).labels, SEVERAL)
    assert {role: len(rows) for role, rows in load(arrays).split.items()} == {"train": 7, "test": 5}
    alike = {name: array[:, :5] for name, array in arrays.items()}
    refused(load, alike, "X_train and y_train, X_test and y_test fit in two ways; give rows=6 or rows=10")
    np.testing.assert_array_equal(load(alike, rows=10).labels, np.concatenate([SEVERAL[:5], SEVERAL[7:]]))
    refused(load, alike, "do not have 9 rows in any way", rows=9)


@pytest.mark.parametrize("turn_x", [False, True])
@pytest.mark.parametrize("turn_y", [False, True])
def test_a_square_part_lies_as_the_others_do(load, turn_x, turn_y):
    """X_test and y_test are square: as many rows as features, and as classes."""
    targets, arrays = np.eye(5, dtype=int)[np.arange(12) % 5], {}
    for part, rows in PARTS.items():
        x, y = X[rows], targets[rows]
        arrays |= {f"X_{part}": x.T if turn_x else x, f"y_{part}": y.T if turn_y else y}
    table = load(arrays)
    assert_whole(table, np.arange(12) % 5)
    assert table.notes == ()


def test_a_square_matrix_is_said_to_be_taken_as_it_is(load):
    assert load({"X": X[:5], "y": IDS[:5]}).notes == ("mine.npz: X (5, 5) is square, each row is taken as a sample",)


# --- labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (IDS * 1e19, "float64 does not tell ids such as 1e+19 (row 1) from its neighbours"),
        (IDS + 2.0**53, "does not tell ids such as 9007199254740992 (row 0)"),
        ((IDS + 2**24).astype(np.float32), "float32 does not tell ids such as 16777216 (row 0)"),
        (np.empty((12, 0)), "labels of shape (12, 0) hold nothing"),
    ],
)
def test_ids_that_may_have_been_merged_are_refused(labels, words):
    with pytest.raises(UserError, match=re.escape(words)):
        encode(labels, "mine: y")


def test_large_whole_ids_stay_apart():
    for labels in (IDS.astype(np.uint64) + 2**63, IDS - 2**62, IDS + 2.0**52, IDS.astype(np.float16) + 2040):
        assert encode(labels, "y").labels.tolist() == IDS.tolist()


@pytest.mark.parametrize("kind", [np.uint8, float, np.int64])
@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_ids_of_known_classes_keep_their_numbers(tmp_path, kind, shape):
    images = np.zeros((3, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([7, 99, 7]).astype(kind).reshape(shape))
    assert CIFAR100(tmp_path / "a.npz").load().labels.tolist() == [7, 99, 7]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["c7", "c9", "c7"], "labels are <U2 (3,); give one class id for each row, as numbers"),
        ([7.5, 9, 7], "class ids are whole numbers, found 7.5 in row 0"),
        ([np.nan, 9, 7], "whole numbers, found nan"),
        (np.eye(3), "labels are float64 (3, 3)"),
        (np.array([2**63] * 3, dtype=np.uint64), "there is no class 9223372036854775808"),
        ([7, 9, -1], "found -1"),
        (7, "labels are int64 ()"),
    ],
)
def test_ids_of_known_classes_are_whole_numbers(tmp_path, labels, words):
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 32, 32, 3), np.uint8), labels=labels)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        CIFAR100(tmp_path / "a.npz").load()
    assert str(caught.value).upper().startswith("CIFAR")


# --- files


@pytest.mark.parametrize("suffix", ["npz", "mat", "h5"])
def test_what_is_no_file_is_one_line(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe.{suffix}")
    (tmp_path / f"folder.{suffix}").mkdir()
    for name in (f"pipe.{suffix}", f"folder.{suffix}", f"none.{suffix}", f"{'long' * 100}.{suffix}"):
        with pytest.raises(UserError, match=r"features: .*(cannot be read|there is no file)") as caught:
            Features(tmp_path / name).load()
        assert "\n" not in str(caught.value)
