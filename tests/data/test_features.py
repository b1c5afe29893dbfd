"""Any .npz or .mat of features: what is recognised, and what is said where it is not."""

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.data.features import Features
from hashbench.errors import UserError

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((12, 4))
IDS = np.arange(12) % 3
HOT = (RANDOM.random((12, 3)) < 0.5).astype(np.int64)
HOT[0] = 1


@pytest.fixture
def load(tmp_path):
    """Save arrays in a file and load it as a table."""

    def save_and_load(arrays, suffix="npz", **options):
        path = tmp_path / f"mine.{suffix}"
        if suffix == "npz":
            np.savez(path, **arrays)
        else:
            scipy.io.savemat(path, arrays)
        return Features(path, **options).load()

    return save_and_load


@pytest.mark.parametrize("suffix", ["npz", "mat"])
@pytest.mark.parametrize(
    ("features", "labels"), [("features", "labels"), ("X", "Y"), ("x", "y"), ("Data", "TARGET"), ("inputs", "gnd")]
)
def test_usual_names(load, suffix, features, labels):
    table = load({features: X, labels: IDS, "comment": np.array(["hello"])}, suffix)
    np.testing.assert_array_equal(table.inputs, X.astype(np.float32))
    np.testing.assert_array_equal(table.labels, IDS)
    assert (table.kind, table.num_classes, table.split) == ("feature", 3, None)


@pytest.mark.parametrize("suffix", ["npz", "mat"])
@pytest.mark.parametrize("turn_x", [False, True])
@pytest.mark.parametrize("turn_y", [False, True])
@pytest.mark.parametrize("target", [IDS, IDS[:, None], HOT], ids=["vector", "column", "multi-hot"])
def test_matrices_on_their_side(load, suffix, turn_x, turn_y, target):
    table = load({"X": X.T if turn_x else X, "Y": target.T if turn_y else target}, suffix)
    np.testing.assert_array_equal(table.inputs, X.astype(np.float32))
    np.testing.assert_array_equal(table.labels, target.reshape(12, -1).squeeze())


def test_shapes_that_fit_in_two_ways_need_the_rows(load):
    arrays = {"X": np.arange(12.0).reshape(4, 3), "Y": np.eye(3, 4, dtype=int)}
    with pytest.raises(UserError, match=r"fit in two ways; give rows=[34] or rows=[34]"):
        load(arrays)
    assert load(arrays, rows=4).inputs.shape == (4, 3)
    assert load(arrays, rows=3).inputs.shape == (3, 4)
    with pytest.raises(UserError, match=r"do not fit.*of 5 rows"):
        load(arrays, rows=5)


def test_upright_comes_first_where_both_ways_fit(load):
    arrays = {"X": X[:, :3], "Y": HOT}
    np.testing.assert_array_equal(load(arrays).labels, HOT)
    np.testing.assert_array_equal(load(arrays, rows=3).labels, HOT.T)
    square = load({"X": X[:3, :3], "Y": HOT[:3] * 0 + np.eye(3, k=1, dtype=int)})
    np.testing.assert_array_equal(square.inputs, X[:3, :3].astype(np.float32))
    np.testing.assert_array_equal(square.labels, np.eye(3, k=1))


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        (IDS + 1, ("1", "2", "3")),
        (np.array([40, -7, 1000])[IDS], ("-7", "40", "1000")),
        (IDS + 1.0, ("1", "2", "3")),
        (np.array(["owl", "cat", "dog"])[IDS], ("cat", "dog", "owl")),
        (np.array([b"owl", b"cat", b"dog"])[IDS], ("cat", "dog", "owl")),
        (IDS == 1, ("0", "1")),
    ],
    ids=["from 1", "arbitrary", "float", "strings", "bytes", "bool"],
)
def test_ids_are_renumbered_and_keep_their_names(load, stored, names):
    table = load({"X": X, "y": stored})
    assert table.class_names == names
    assert table.num_classes == len(names)
    as_text = [value.decode() if isinstance(value, bytes) else str(value) for value in stored.tolist()]
    wanted = [str(int(float(v))) if stored.dtype.kind in "fb" and v not in ("True", "False") else v for v in as_text]
    wanted = [{"True": "1", "False": "0"}.get(v, v) for v in wanted]
    assert [table.class_names[c] for c in table.labels] == wanted


def test_cell_array_of_strings(load):
    names = np.array(["owl", "cat", "dog"], dtype=object)[IDS]
    table = load({"X": X, "y": names}, "mat")
    assert [table.class_names[c] for c in table.labels] == names.tolist()


def test_sparse_targets(load):
    np.testing.assert_array_equal(load({"X": X, "Y": scipy.sparse.csc_matrix(HOT)}, "mat").labels, HOT)


def test_signs_are_multi_hot(load):
    np.testing.assert_array_equal(load({"X": X, "Y": 2 * HOT - 1}).labels, HOT)


def test_one_hot_is_class_ids(load):
    table = load({"X": X, "Y": np.eye(5)[IDS]})
    np.testing.assert_array_equal(table.labels, IDS)
    assert table.num_classes == 5


def test_struct_fields(load):
    arrays = {"data": {"X1": X, "X2": -X, "Y": IDS}}
    with pytest.raises(
        UserError, match=r"no array is recognised as features.*features=NAME.*data\.X1 \(12, 4\) float64"
    ):
        load(arrays, "mat")
    np.testing.assert_array_equal(load(arrays, "mat", features="data.X2").inputs, -X.astype(np.float32))


@pytest.mark.parametrize(
    "names", ["{}data {}gnd", "X_{} y_{}", "X{} Y{}", "features_{} labels_{}", "{}_x {}_y"], ids=lambda n: n
)
def test_train_and_test_pairs_become_one_table(load, names):
    x_name, y_name = names.split()
    parts = {"train": slice(0, 5), "val": slice(5, 7), "test": slice(7, 12)}
    arrays = {x_name.format(part): X[rows] for part, rows in parts.items()}
    arrays |= {y_name.format(part): IDS[rows] + 1 for part, rows in parts.items()}
    table = load(arrays)
    assert {role: len(rows) for role, rows in table.split.items()} == {"train": 5, "validation": 2, "test": 5}
    for role, part in (("train", "train"), ("validation", "val"), ("test", "test")):
        np.testing.assert_array_equal(table.inputs[table.split[role]], X[parts[part]].astype(np.float32))
        np.testing.assert_array_equal(table.labels[table.split[role]], IDS[parts[part]])


@pytest.mark.parametrize(
    "names", [("train", "validation", "database", "test"), ("train_idx", "val_idx", "db_idx", "query_idx")]
)
def test_index_arrays_become_the_split(load, names):
    rows = [[0, 1, 2, 3], [4, 5], [0, 1, 2, 3, 6, 7], [8, 9]]
    table = load({"X": X, "Y": IDS, **dict(zip(names, rows, strict=True))})
    assert {role: r.tolist() for role, r in table.split.items()} == dict(
        zip(("train", "validation", "database", "test"), rows, strict=True)
    )


def test_masks_become_the_split(load):
    table = load({"X": X, "Y": IDS, "train_mask": IDS < 2, "test_mask": IDS == 2})
    np.testing.assert_array_equal(table.split["train"], np.flatnonzero(IDS < 2))
    np.testing.assert_array_equal(table.split["test"], np.flatnonzero(IDS == 2))
    with pytest.raises(UserError, match="mask test_mask has 11 entries for 12 rows"):
        load({"X": X, "Y": IDS, "test_mask": IDS[1:] == 2})


def test_row_numbers_in_mat_count_from_one(load):
    rows = {"ind_train": np.array([1, 2, 11]), "ind_test": np.array([3])}
    assert load({"X": X, "Y": IDS, **rows}, "mat").split["train"].tolist() == [0, 1, 10]
    assert load({"X": X, "Y": IDS, **rows}, "npz").split["train"].tolist() == [1, 2, 11]
    rows["ind_test"] = np.array([0])
    assert load({"X": X, "Y": IDS, **rows}, "mat").split["train"].tolist() == [1, 2, 11]


@settings(deadline=None)
@given(
    n=st.integers(2, 9),
    d=st.integers(1, 9),
    turn=st.booleans(),
    offset=st.integers(-(2**40), 2**40),
    data=st.data(),
)
def test_any_vector_of_ids_keeps_its_classes(tmp_path_factory, n, d, turn, offset, data):
    ids = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))) + offset
    x = np.arange(n * d, dtype=np.float32).reshape(n, d)
    path = tmp_path_factory.getbasetemp() / "any.npz"
    np.savez(path, X=x.T if turn else x, y=ids)
    table = Features(path).load()
    np.testing.assert_array_equal(table.inputs, x if not (turn and n == d) else x.T)
    assert [int(table.class_names[c]) for c in table.labels] == ids.tolist()


BAD = {
    "rows differ": ({"X": X, "y": IDS[:11]}, {}, r"X \(12, 4\) and y \(11,\) do not fit: labels and rows differ"),
    "no labels": ({"X": X, "other": IDS}, {}, r"recognised as labels; name it with labels=NAME.*other \(12,\) int64"),
    "no features": ({"y": IDS}, {}, "recognised as features; name it with features=NAME"),
    "empty file": ({}, {}, "It holds: nothing"),
    "two features": ({"X": X, "data": X, "y": IDS}, {}, "several arrays may be the features: X, data; .*features=NAME"),
    "two labels": ({"X": X, "y": IDS, "gnd": IDS}, {}, "several arrays may be the labels: y, gnd; .*labels=NAME"),
    "no such array": ({"X": X, "y": IDS}, {"features": "Z"}, "no array 'Z' as features=Z says"),
    "NaN": ({"X": np.where(X[3, 1] == X, np.nan, X), "y": IDS}, {}, "NaN or infinity .* 1 row .first: 3"),
    "beyond float32": ({"X": np.where(X[3, 1] == X, 1e300, X), "y": IDS}, {}, "NaN or infinity .* 1 row .first: 3"),
    "real targets": ({"X": X, "y": X[:, 0]}, {}, "class ids are whole numbers, found .* in row 0 .12 such rows"),
    "NaN labels": ({"X": X, "y": np.where(IDS == 1, np.nan, IDS)}, {}, "whole numbers, found nan in row 1 .4 such"),
    "counts": ({"X": X, "y": HOT + 1}, {}, "is multi-hot, 0 and 1"),
    "image stack": ({"X": np.zeros((12, 4, 4)), "y": IDS}, {}, "X is no matrix of real numbers"),
    "complex": ({"X": X + 1j, "y": IDS}, {}, "X is no matrix of real numbers"),
    "objects": ({"X": X, "y": np.array([{}] * 12)}, {}, "Python objects in y"),
    "parts differ": (
        {"Xtrain": X, "ytrain": IDS, "Xtest": X[:5, :3], "ytest": IDS[:5]},
        {},
        "parts differ in their number of features",
    ),
    "half a pair": ({"Xtrain": X, "ytrain": IDS, "Xtest": X}, {}, "Xtest has no labels beside it; add them"),
    "rows as fractions": ({"X": X, "y": IDS, "train": np.array([0.5])}, {}, "train is no list of row numbers"),
    "two lists": ({"X": X, "y": IDS, "test": [1], "query": [2]}, {}, "several arrays may be the rows of test"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_explained_in_one_line(load, case):
    arrays, options, message = BAD[case]
    with pytest.raises(UserError, match=message) as caught:
        load(arrays, **options)
    assert "mine.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"which file.*--data-root FILE"):
        Features()
    with pytest.raises(UserError, match=r"there is no file .*none\.npz"):
        Features(tmp_path / "none.npz").load()
    with pytest.raises(UserError, match=r"not a \.npz, \.mat or \.h5 file"):
        Features(tmp_path).load()


@pytest.mark.parametrize("suffix", ["npz", "mat"])
@pytest.mark.parametrize("content", [b"", b"no such format at all" * 50])
def test_damaged_file(tmp_path, suffix, content):
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be read.*damaged"):
        Features(path).load()


@pytest.mark.parametrize("suffix", ["npz", "mat"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_truncated_file(tmp_path, suffix, share):
    path = tmp_path / f"cut.{suffix}"
    arrays = {"X": RANDOM.standard_normal((200, 30)), "y": np.arange(200) % 3}
    np.savez_compressed(path, **arrays) if suffix == "npz" else scipy.io.savemat(path, arrays, do_compression=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match="cut"):
        Features(path).load()


@pytest.mark.real_data
class TestRealFiles:
    """The files that people publish, each with its own habits."""

    @pytest.fixture(autouse=True)
    def _folder(self, shared_data):
        self.folder = shared_data / "features"

    def test_pair_with_labels_from_one(self):
        table = Features(self.folder / "hcsdh_mnist.mat").load()
        assert table.inputs.shape == (6000, 784)
        assert {role: len(rows) for role, rows in table.split.items()} == {"train": 5000, "test": 1000}
        raw = scipy.io.loadmat(self.folder / "hcsdh_mnist.mat")
        np.testing.assert_array_equal(table.labels[table.split["test"]], raw["testgnd"].ravel() - 1)
        np.testing.assert_array_equal(table.inputs[table.split["train"]], raw["traindata"].astype(np.float32))

    def test_struct_with_transposed_matrices(self):
        table = Features(self.folder / "wiki_RoPH.mat", features="data.X1").load()
        raw = scipy.io.loadmat(self.folder / "wiki_RoPH.mat")["data"][0, 0]
        np.testing.assert_array_equal(table.inputs, raw["X1"].T.astype(np.float32))
        np.testing.assert_array_equal(table.labels, raw["Y"].toarray().argmax(axis=0))
        assert {role: len(rows) for role, rows in table.split.items()} == {"train": 2173, "test": 693}
        assert sorted(np.concatenate(list(table.split.values()))) == list(range(2866))

    def test_multi_label_targets_on_their_side(self):
        table = Features(self.folder / "mirflickr_pml_7label.mat").load()
        raw = scipy.io.loadmat(self.folder / "mirflickr_pml_7label.mat")
        np.testing.assert_array_equal(table.labels, raw["target"].T)
        assert (table.multilabel, table.num_classes, table.inputs.shape) == (True, 7, (5000, 100))

    def test_binary_features(self):
        table = Features(self.folder / "corel5k_binary873_374label.mat").load()
        assert (tuple(table.inputs.shape), tuple(table.labels.shape)) == ((5000, 873), (5000, 374))
        assert table.labels.sum(dim=1).double().mean().item() == pytest.approx(3.52, abs=0.01)
