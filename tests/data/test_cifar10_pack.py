"""Some images of CIFAR-10 in one file: the same images, or a refusal; rows left out are asked for by nobody."""

import numpy as np
import pytest
import torch

from hashbench.catalog import SplitEntry
from hashbench.data import DataTable, cifar10_pack
from hashbench.data.cifar10 import CIFAR10
from hashbench.data.cifar10_pack import read_pack, write_pack
from hashbench.data.gist import GistCIFAR10
from hashbench.deploy.query import read_query
from hashbench.errors import UserError
from hashbench.protocol import Roles, SplitError, load_split, read_manifest

ROWS = np.array([1, 4, 5, 7, 8])


@pytest.fixture
def table(monkeypatch):
    """Ten images of noise in the place of CIFAR-10, five of which are packed."""
    images = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (10, 3, 32, 32), dtype=np.uint8))
    table = DataTable("cifar10", images, torch.arange(10), 10, tuple("abcdefghij"))
    content = cifar10_pack._digest(ROWS, images.numpy()[ROWS], table.labels.numpy()[ROWS])
    for name, value in {"ROWS": 10, "CONTENT": content, "WHOLE": table.checksum}.items():
        monkeypatch.setattr(cifar10_pack, name, value)
    return table


def test_the_images_come_back_in_their_rows_with_the_checksum_of_the_whole(table, tmp_path):
    write_pack(table, ROWS, tmp_path / "pack.npz")
    read = CIFAR10(tmp_path / "pack.npz").load()
    assert torch.equal(read.inputs[ROWS], table.inputs[ROWS])
    assert torch.equal(read.labels[ROWS], table.labels[ROWS])
    assert (read.name, read.checksum, read.class_names, len(read)) == (
        table.name,
        table.checksum,
        table.class_names,
        10,
    )
    assert read.present.tolist() == ROWS.tolist()
    assert not read.inputs[[0, 2, 3, 6, 9]].any()


def test_a_split_that_asks_for_another_row_is_refused(table, tmp_path):
    write_pack(table, ROWS, tmp_path / "pack.npz")
    read = read_pack(tmp_path / "pack.npz")
    roles = {"train": np.array([1, 4]), "validation": np.array([5]), "test": np.array([7, 8])}
    np.savez(tmp_path / "inside.npz", **roles)
    np.savez(tmp_path / "outside.npz", **{**roles, "test": np.array([7, 9])})
    inside, outside = (
        SplitEntry(manifest=path, sha256=read_manifest(path).checksum)
        for path in (str(tmp_path / "inside.npz"), str(tmp_path / "outside.npz"))
    )
    assert load_split(inside, read).test.tolist() == [7, 8]
    with pytest.raises(SplitError, match="test names 1 rows that are not in this part of cifar10"):
        load_split(outside, read)
    assert load_split(outside, table).test.tolist() == [7, 9]
    roles = Roles(read, load_split(inside, read))
    roles.unseal("epoch 1")
    assert read_query("test:1", read, roles).row == read_query("8", read, roles).row == 8
    with pytest.raises(UserError, match="--query 9: row 9 is not in this part of cifar10"):
        read_query("9", read, roles)


def test_other_images_are_neither_written_nor_read(table, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="only the rows of cifar10-dualhash"):
        write_pack(table, ROWS[:-1], tmp_path / "pack.npz")
    assert not (tmp_path / "pack.npz").exists()
    write_pack(table, ROWS, tmp_path / "pack.npz")
    with np.load(tmp_path / "pack.npz") as file:
        arrays = dict(file)
    arrays["differences"][2, 1, 3, 4] ^= 1
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(UserError, match="holds other images"):
        read_pack(tmp_path / "changed.npz")


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": ROWS[:, None]},
        {"labels": np.arange(4, dtype=np.uint8)},
        {"differences": np.zeros((5, 3, 32, 31), np.uint8)},
        {"differences": np.zeros((5, 3, 32, 32))},
    ],
)
def test_arrays_that_do_not_fit_each_other(table, tmp_path, changed):
    write_pack(table, ROWS, tmp_path / "pack.npz")
    with np.load(tmp_path / "pack.npz") as file:
        np.savez(tmp_path / "changed.npz", **{**file, **changed})
    with pytest.raises(UserError, match=r"is no pack of its images; write it again with"):
        read_pack(tmp_path / "changed.npz")


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"there is no such file; write it again"):
        CIFAR10(tmp_path / "pack.npz").load()


def test_gist_of_blank_images_is_not_computed(table, tmp_path):
    write_pack(table, ROWS, tmp_path / "pack.npz")
    with pytest.raises(UserError, match="a part of CIFAR-10; give the folder of the whole"):
        GistCIFAR10(tmp_path / "pack.npz", cache=tmp_path / "cache").load()


@pytest.mark.slow
@pytest.mark.real_data
def test_the_pack_of_the_real_images(cifar10_root, tmp_path):
    whole = CIFAR10(cifar10_root).load()
    assert whole.checksum == cifar10_pack.WHOLE
    rows = np.unique(np.concatenate([*read_manifest("cifar10-dualhash").arrays.values()]))
    write_pack(whole, rows, tmp_path / "pack.npz")
    assert (tmp_path / "pack.npz").stat().st_size < 42_000_000
    read = CIFAR10(tmp_path / "pack.npz").load()
    assert torch.equal(read.inputs[rows], whole.inputs[rows])
