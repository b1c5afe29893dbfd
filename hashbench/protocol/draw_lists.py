"""How the published image lists in the package and their splits were made, from the files that the field distributes.

    python -m hashbench.protocol.draw_lists DIR

where DIR holds the public repositories' list files under `<owner>_<repository>/<path in the repository>`:

    nuswide         NUKImcoming/DualHash_NeurIPS (NUKImcoming_DualHash): train, valid, and the 6,300 lines of test_img
    imagenet100     thuml/HashNet, caffe/data/imagenet: train, test and the eight parts of the database
    coco            thuml/HashNet, caffe/data/coco, likewise
    mirflickr25k    swuxyj/DeepHash-pytorch, data/mirflickr: train, test, database
    voc2012         swuxyj/DeepHash-pytorch, data/voc2012: train, test, database

Lists that name no validation images get them from their training rows, never from the test list, drawn by numpy's
RandomState(SEED) of `hashbench.protocol.draw`; they are searched in a fixed draw of database rows, so that a validation
costs little. Rows are in the order train, test, database, sorted by path within each (NUS-WIDE: the authors' order).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hashbench.data import published_list
from hashbench.data.image_list import read_lists
from hashbench.data.list_file import ListFile
from hashbench.data.published_list import write_published
from hashbench.data.targets import encode
from hashbench.errors import UserError
from hashbench.protocol.draw import SEED, write_manifest
from hashbench.protocol.split import Split
from hashbench.protocol.stratified import draw_rows

NUSWIDE_ASIS = {
    "test": 64,
    "train+test": 276,
    "validation+test": 122,
    "validation_database+test": 276,
    "database+test": 276,
}
"""What is wrong with the NUS-WIDE lists of the DualHash release: 64 of their test images stand there twice, and the
images of 276 and 122 are training and validation images too."""


class Published(NamedTuple):
    """A list: N paths, their labels, and its splits."""

    name: str
    paths: list[str]
    labels: np.ndarray
    splits: list[Split]


def nuswide(folder: Path) -> Published:
    """The authors' lists as they are, and the same training and validation images with the test images left over."""
    source = folder / "NUKImcoming_DualHash/data/nus-wide"
    train, train_labels = _read(source / "train.txt", "")
    validation, validation_labels = _read(source / "valid.txt", "")
    test = (source / "test_img.txt").read_text().split()
    test_labels = np.loadtxt(source / "test_label_onehot.txt", dtype=np.int8)
    paths = list(dict.fromkeys([*train, *validation, *test]))
    row = {path: number for number, path in enumerate(paths)}
    roles = [np.array([row[path] for path in some]) for some in (train, validation, test)]
    labels = np.empty((len(paths), test_labels.shape[1]), dtype=np.uint8)
    listed = np.concatenate(roles)
    given = np.concatenate([train_labels, validation_labels, test_labels])
    labels[listed] = given
    if (labels[listed] != given).any():
        raise UserError(f"{source}: an image has different labels in two lists; these are not the authors'")
    train_rows, validation_rows, test_rows = roles
    asis = Split(
        train_rows, validation_rows, train_rows, train_rows, test_rows, name="nuswide-dualhash-asis", allow=NUSWIDE_ASIS
    )
    unused = np.setdiff1d(test_rows, np.concatenate([train_rows, validation_rows]))
    clean = Split(train_rows, validation_rows, train_rows, train_rows, unused, name="nuswide-clean")
    return Published("nuswide", paths, labels, [asis, clean])


def imagenet100(folder: Path) -> Published:
    """HashNet's lists, the 13,000 training images divided into 10,000 and 3,000; once with HashNet's database, which
    holds them all, once with the training rows as the database, as in the DualHash paper."""
    paths, labels, (training, test, database) = _hashnet(folder, "imagenet")
    ids = encode(labels, "imagenet").labels
    random = np.random.RandomState(SEED)
    validation, train = draw_rows(training, ids, 3_000, random)
    searched, _ = draw_rows(np.setdiff1d(database, training), ids, 10_000, random)
    hashnet = Split(train, validation, searched, database, test, name="imagenet100-hashnet")
    return Published(
        "imagenet100", paths, ids, [hashnet, Split(train, validation, train, train, test, name="imagenet100-dualhash")]
    )


def coco(folder: Path) -> Published:
    """HashNet's lists; its database holds the 5,000 queries, which are taken out of it."""
    paths, labels, (training, test, database) = _hashnet(folder, "coco")
    split = _with_validation(training, test, np.setdiff1d(database, test), labels, 1_000, 10_000, "coco-hashnet")
    return Published("coco", paths, labels, [split])


def mirflickr25k(folder: Path) -> Published:
    """DeepHash-pytorch's 4,000 training, 1,000 test and 20,000 database images, 38 concepts."""
    return _deephash(folder, "mirflickr", "mirflickr25k")


def voc2012(folder: Path) -> Published:
    """DeepHash-pytorch's 4,000 training, 1,000 test and 6,540 database images, 20 classes."""
    return _deephash(folder, "voc2012", "voc2012")


LISTS: tuple[Callable[[Path], Published], ...] = (nuswide, imagenet100, coco, mirflickr25k, voc2012)


def _deephash(folder: Path, there: str, name: str) -> Published:
    source = folder / "swuxyj_DeepHash-pytorch/data" / there
    parts = [_read(source / f"{role}.txt", "") for role in ("train", "test", "database")]
    paths, labels, (training, test, database) = _joined(parts)
    return Published(name, paths, labels, [_with_validation(training, test, database, labels, 500, 5_000, name)])


def _hashnet(folder: Path, there: str) -> tuple[list[str], np.ndarray, list[np.ndarray]]:
    source, prefix = folder / "thuml_HashNet/caffe/data" / there, f"./data/{there}/"
    parts = [_read(source / "train.txt", prefix)]
    for role in ("test", "database"):
        pieces = [_read(source / f"test/{role}{number}.txt", prefix) for number in range(8)]
        parts.append(([path for piece in pieces for path in piece[0]], np.concatenate([piece[1] for piece in pieces])))
    return _joined(parts)


def _read(file: Path, prefix: str) -> tuple[list[str], np.ndarray]:
    """Paths and 0/1 labels of one list."""
    index = read_lists({"": ListFile(file)}, file.parent, prefix)
    hot = index.labels.numpy() if index.multilabel else np.eye(index.num_classes, dtype=np.uint8)[index.labels.numpy()]
    return list(index.paths), hot


def _joined(parts: Sequence[tuple[list[str], np.ndarray]]) -> tuple[list[str], np.ndarray, list[np.ndarray]]:
    """Lists -> unique paths (each part's new ones, sorted), their labels, and the rows of each part, sorted."""
    label = {path: hot for paths, labels in parts for path, hot in zip(paths, labels, strict=True)}
    order = list(dict.fromkeys(path for paths, _ in parts for path in sorted(paths)))
    row = {path: number for number, path in enumerate(order)}
    return (
        order,
        np.array([label[path] for path in order]),
        [np.sort([row[path] for path in paths]) for paths, _ in parts],
    )


def _with_validation(
    training: np.ndarray,
    test: np.ndarray,
    database: np.ndarray,
    labels: np.ndarray,
    queries: int,
    searched: int,
    name: str,
) -> Split:
    """Validation queries out of the training rows, and the database rows that they are searched in."""
    random = np.random.RandomState(SEED)
    validation, train = draw_rows(training, labels, queries, random)
    validation_database, _ = draw_rows(np.setdiff1d(database, validation), labels, searched, random)
    return Split(train, validation, validation_database, database, test, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the lists and their manifests, and print counts and checksums."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.protocol.draw_lists", description="Write the package's image lists and their splits."
    )
    parser.add_argument("folder", type=Path, help="folder of the published list files")
    parser.add_argument("--lists", type=Path, default=Path(published_list.__file__).parent / "lists")
    parser.add_argument("--manifests", type=Path, default=Path(__file__).parent / "manifests")
    args = parser.parse_args(arguments)
    for out in (args.lists, args.manifests):
        out.mkdir(parents=True, exist_ok=True)
    for make in LISTS:
        published = make(args.folder)
        write_published(args.lists / f"{published.name}.npz", published.paths, published.labels)
        for split in published.splits:
            write_manifest(split, args.manifests / f"{split.name}.npz")
            print(published.name, len(published.paths), split.name, split.checksum, split.counts)


if __name__ == "__main__":
    main()
