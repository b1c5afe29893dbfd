"""HDF5 of Python and of MATLAB (v7.3): the same table as of .npz; nothing read from elsewhere; one line without h5py."""

import sys

import numpy as np
import pytest

from hashbench.data.array_file import read_arrays
from hashbench.data.features import Features
from hashbench.errors import UserError

X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
IDS = np.arange(12) % 3
WORDS = np.array(["owl", "cat", "a dog"])[IDS]


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def write_matlab(h5py, path, arrays):
    """As MATLAB writes -v7.3: a header before the file, arrays by columns, the class of each as an attribute."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            put(h5py, file, name, array)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def put(h5py, group, name, value):
    if isinstance(value, dict):
        inner = group.create_group(name)
        inner.attrs["MATLAB_class"] = np.bytes_("struct")
        for field, array in value.items():
            put(h5py, inner, field, array)
    elif value.dtype.kind == "U":
        refs = group.require_group("#refs#")
        cells = []
        for word in value:
            text = refs.create_dataset(
                f"c{len(refs)}", data=np.array([[ord(letter)] for letter in word], dtype=np.uint16)
            )
            text.attrs["MATLAB_class"] = np.bytes_("char")
            cells.append(text.ref)
        data = np.array(cells, dtype=h5py.ref_dtype)[None, :]
        group.create_dataset(name, data=data, dtype=h5py.ref_dtype).attrs["MATLAB_class"] = np.bytes_("cell")
    else:
        stored = group.create_dataset(name, data=value.astype(np.uint8).T if value.dtype == bool else value.T)
        stored.attrs["MATLAB_class"] = np.bytes_("logical" if value.dtype == bool else "double")


def test_a_plain_file_is_read_as_an_npz(h5py, tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file.create_dataset("set/X", data=X, compression="gzip")
        file["set/y"] = WORDS.astype(object)
        file["split"] = np.char.encode(np.where(IDS < 2, "train", "test"))
    table = Features(tmp_path / "mine.h5").load()
    np.testing.assert_array_equal(table.inputs, X)
    assert [table.class_names[label] for label in table.labels] == WORDS.tolist()
    np.testing.assert_array_equal(table.split["test"], np.flatnonzero(IDS == 2))


@pytest.mark.parametrize("labels", [IDS[:, None] + 1.0, WORDS, np.eye(3, dtype=bool)[IDS]])
def test_a_matlab_file_is_turned(h5py, tmp_path, labels):
    train, test = np.array([[1.0, 2, 12]]), np.arange(3.0, 12)[:, None]
    write_matlab(h5py, tmp_path / "mine.mat", {"d": {"X": X, "Y": labels}, "ind_train": train, "ind_test": test})
    table = Features(tmp_path / "mine.mat").load()
    np.testing.assert_array_equal(table.inputs, X)
    names = ["owl", "cat", "a dog"] if labels.dtype.kind == "U" else None
    found = [table.class_names[label] for label in table.labels] if names else table.labels.tolist()
    assert found == (WORDS.tolist() if names else IDS.tolist())
    assert table.split["train"].tolist() == [0, 1, 11]


def test_a_sparse_matrix_of_matlab(h5py, tmp_path):
    dense = np.eye(3)[IDS]
    write_matlab(h5py, tmp_path / "mine.mat", {"X": X})
    with h5py.File(tmp_path / "mine.mat", "r+") as file:
        group = file.create_group("Y")
        group.attrs["MATLAB_sparse"] = np.uint64(12)
        group["jc"] = np.array([0, 4, 8, 12])
        group["ir"] = np.concatenate([np.flatnonzero(column) for column in dense.T])
        group["data"] = np.ones(12)
    assert Features(tmp_path / "mine.mat").load().labels.tolist() == IDS.tolist()


def test_nothing_is_read_from_elsewhere(h5py, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = X
    X.tofile(tmp_path / "raw")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["X"] = X
        file["outside"] = h5py.ExternalLink("other.h5", "secret")
        file["again"] = h5py.SoftLink("/X")
        file.create_dataset("raw", X.shape, X.dtype, external=[(str(tmp_path / "raw"), 0, X.nbytes)])
        layout = h5py.VirtualLayout(X.shape, X.dtype)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", X.shape)
        file.create_virtual_dataset("virtual", layout)
        file["inner/outer"] = file["/"]  # a group that holds itself
        file["nothing"] = h5py.Empty("f")
        file["pairs"] = np.zeros(3, dtype=[("a", "f4")])
    with pytest.raises(UserError, match="groups one in another"):
        read_arrays(tmp_path / "mine.h5")
    with h5py.File(tmp_path / "mine.h5", "r+") as file:
        del file["inner"]
    assert list(read_arrays(tmp_path / "mine.h5")) == ["X"]


def test_what_claims_more_than_it_has_takes_no_memory(h5py, tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file.create_dataset("X", (2**40, 5), chunks=(2**10, 5))
    with pytest.raises(UserError, match="it claims far more data than it has bytes"):
        read_arrays(tmp_path / "mine.h5")


@pytest.mark.parametrize("kept", [0, 100, 600, 2000])
@pytest.mark.parametrize("suffix", ["h5", "mat"])
def test_a_cut_file_is_one_line(h5py, tmp_path, kept, suffix):
    write_matlab(h5py, tmp_path / f"mine.{suffix}", {"X": X, "Y": IDS[:, None]})
    whole = (tmp_path / f"mine.{suffix}").read_bytes()
    (tmp_path / f"mine.{suffix}").write_bytes(whole[:kept])
    with pytest.raises(UserError, match=r"cannot be read \(") as caught:
        Features(tmp_path / f"mine.{suffix}").load()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).replace(str(tmp_path), "")) < 300


@pytest.mark.parametrize("suffix", ["h5", "mat"])
def test_without_h5py_one_line_says_what_to_do(tmp_path, monkeypatch, suffix):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / f"mine.{suffix}"
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64" if suffix == "mat" else b"\x89HDF\r\n\x1a\n"
    path.write_bytes(head.ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(UserError, match=r"HDF5.* needs h5py: pip install 'hashbench\[hdf5\]', or re-save it with"):
        Features(path).load()
