"""The lists in the package are those that the field distributes, and their splits are as documented."""

import tarfile

import numpy as np
import pytest

from hashbench.catalog import load_catalog
from hashbench.data.published_list import published_lists, read_published
from hashbench.errors import UserError
from hashbench.protocol import SplitError, read_manifest
from hashbench.protocol.draw_lists import LISTS, NUSWIDE_ASIS, nuswide

PROTOCOLS = {name: entry for name, entry in load_catalog().protocols.items() if entry.split.manifest}


@pytest.fixture(scope="module")
def lists(shared_data, tmp_path_factory):
    """The published files, unpacked."""
    archive = shared_data / "lists" / "protocol_lists.tar.xz"
    if not archive.is_file():
        pytest.skip(f"no published lists: {archive} is missing")
    folder = tmp_path_factory.mktemp("lists")
    wanted = ("NUKImcoming", "thuml_HashNet/caffe/data/coco", "thuml_HashNet/caffe/data/imagenet", "swuxyj")
    with tarfile.open(archive) as file:
        for member in file:
            name = member.name.removeprefix("./")
            if member.isfile() and name.startswith(wanted):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.extractfile(member).read())
    return folder


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_shipped_lists_are_as_drawn(lists, make):
    published = make(lists)
    paths, labels = read_published(published.name)
    assert paths == published.paths
    np.testing.assert_array_equal(labels, published.labels)
    for split in published.splits:
        assert read_manifest(split.name, split.allow).checksum == split.checksum


@pytest.mark.parametrize(("name", "rows", "classes"), [
    ("nuswide", 26_838, 21), ("imagenet100", 133_503, 100), ("coco", 122_218, 80), ("mirflickr25k", 25_000, 38), ("voc2012", 11_540, 20),
])  # fmt: skip
def test_sizes(name, rows, classes):
    paths, labels = read_published(name)
    assert len(set(paths)) == len(paths) == len(labels) == rows
    assert (labels.shape[1] if labels.ndim == 2 else labels.max() + 1) == classes
    assert (
        sorted(published_lists()) == published_lists() == ["coco", "imagenet100", "mirflickr25k", "nuswide", "voc2012"]
    )


def test_nuswide_as_it_is_needs_its_allowance():
    with pytest.raises(SplitError) as caught:
        read_manifest("nuswide-dualhash-asis")
    problems = " ".join(caught.value.problems)
    for breach in (
        "train and test share 276 rows",
        "validation and test share 122 rows",
        "test lists 64 rows more than once",
    ):
        assert breach in problems
    assert PROTOCOLS["nuswide-dualhash-asis"].split.allow == NUSWIDE_ASIS
    assert [name for name, entry in PROTOCOLS.items() if entry.split.allow] == ["nuswide-dualhash-asis"]


def test_clean_nuswide_is_the_rest_of_it():
    asis, clean = read_manifest("nuswide-dualhash-asis", NUSWIDE_ASIS), read_manifest("nuswide-clean")
    np.testing.assert_array_equal(clean.train, asis.train)
    np.testing.assert_array_equal(clean.validation, asis.validation)
    used = set(asis.train.tolist()) | set(asis.validation.tolist())
    assert set(clean.test.tolist()) == set(asis.test.tolist()) - used


def test_imagenet100_has_every_class_equally_often_in_the_drawn_roles():
    labels = read_published("imagenet100")[1]
    for name in ("imagenet100-hashnet", "imagenet100-dualhash"):
        split = read_manifest(name)
        for role, count in (("train", 100), ("validation", 30), ("test", 50)):
            assert set(np.bincount(labels[getattr(split, role)]).tolist()) == {count}
    assert np.isin(read_manifest("imagenet100-hashnet").train, read_manifest("imagenet100-hashnet").database).all()


def test_other_files_are_not_taken_for_the_authors(tmp_path):
    folder = tmp_path / "NUKImcoming_DualHash/data/nus-wide"
    folder.mkdir(parents=True)
    for name in ("train", "valid"):
        (folder / f"{name}.txt").write_text("a.jpg 1 1 0\nb.jpg 0 1 1\n")
    (folder / "test_img.txt").write_text("a.jpg\nc.jpg\n")
    (folder / "test_label_onehot.txt").write_text("0 0 1\n0 1 0\n")
    with pytest.raises(UserError, match="different labels in two lists"):
        nuswide(tmp_path)
