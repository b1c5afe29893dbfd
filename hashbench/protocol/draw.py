"""How the manifests in the package were made: `python -m hashbench.protocol.draw` writes them again, row for row.

    digits            scikit-learn's digits: 500 test and 297 validation queries, the other 1,000 rows train = database
    cifar10-dualhash  the DualHash authors' lists as they are: 10,000 train = database, 5,000 validation, 5,000 test
    cifar10-54k       the field's 1,000 queries (100 per class), 5,000 training rows (500 per class) and 54,000 database
                      rows, together all 60,000; 50 per class of the training rows are validation queries (4,500 are
                      left), and they are searched in 5,000 fixed rows of the database (500 per class)
    cifar10-linf      the l-infinity paper's sizes: 1,000 queries (100 per class), the 59,000 others are the database,
                      and 2,000 of these the training rows (200 per class); 1,000 others of the database are validation
                      queries (100 per class), searched in 5,000 more (500 per class)

Every draw is stratified by class from numpy's RandomState(SEED), whose stream does not change between versions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hashbench.data.cifar10 import CIFAR10
from hashbench.data.digits import Digits
from hashbench.errors import UserError
from hashbench.protocol.manifest import OPTIONAL
from hashbench.protocol.split import Split
from hashbench.protocol.stratified import draw_rows

SEED = 20250101
"""Seed of every manifest that is drawn here; each manifest starts its own stream."""

AUTHORS_FILES = {
    "train": "cifar10_train_index.npy",
    "validation": "cifar10_valid_index.npy",
    "test": "cifar10_test_index.npy",
}
"""The DualHash authors' files: row numbers into the 50,000 training followed by the 10,000 test images of CIFAR-10."""


def draw_digits(labels: np.ndarray) -> Split:
    """(1797,) class ids -> 500 test queries first, then 297 validation queries, the rest train = database."""
    random = np.random.RandomState(SEED)
    test, rest = draw_rows(np.arange(len(labels)), labels, 500, random)
    validation, train = draw_rows(rest, labels, 297, random)
    return Split(train, validation, train, train, test, name="digits")


def draw_cifar10_54k(labels: np.ndarray) -> Split:
    """(60000,) class ids -> 1,000 queries, then 5,000 training rows, of these 500 validation queries; last, of the
    other 54,000, the 5,000 that validation searches."""
    random = np.random.RandomState(SEED)
    test, rest = draw_rows(np.arange(len(labels)), labels, 1_000, random)
    training, database = draw_rows(rest, labels, 5_000, random)
    validation, train = draw_rows(training, labels, 500, random)
    validation_database, _ = draw_rows(database, labels, 5_000, random)
    return Split(train, validation, validation_database, database, test, name="cifar10-54k")


def draw_cifar10_linf(labels: np.ndarray) -> Split:
    """(60000,) class ids -> 1,000 queries; of the 59,000 others, all of them the database, 2,000 training rows, then
    1,000 validation queries and the 5,000 that these search."""
    random = np.random.RandomState(SEED)
    test, database = draw_rows(np.arange(len(labels)), labels, 1_000, random)
    train, rest = draw_rows(database, labels, 2_000, random)
    validation, rest = draw_rows(rest, labels, 1_000, random)
    validation_database, _ = draw_rows(rest, labels, 5_000, random)
    return Split(train, validation, validation_database, database, test, name="cifar10-linf")


def read_dualhash(folder: Path, labels: np.ndarray) -> Split:
    """The authors' three lists in their order, database = train.

    Raises:
        UserError: a file is missing, or the classes are not equally frequent in a role.
    """
    try:
        roles = {role: np.load(folder / file) for role, file in AUTHORS_FILES.items()}
    except OSError as error:
        raise UserError(
            f"no DualHash lists in {folder} ({error}); give the folder of {AUTHORS_FILES['train']}"
        ) from error
    for role, rows in roles.items():
        if len(set(np.bincount(labels[rows], minlength=10))) != 1:
            raise UserError(
                f"the {role} list in {folder} does not hold the classes equally often; it is not the authors'"
            )
    return Split(
        roles["train"], roles["validation"], roles["train"], roles["train"], roles["test"], name="cifar10-dualhash"
    )


def write_manifest(split: Split, path: Path) -> None:
    """Write a split as .npz; `database` and `validation_database` are left out where reading restores them."""
    arrays = split.arrays
    left_out = {role for role, other in OPTIONAL.items() if np.array_equal(arrays[role], arrays[other])}
    kept = {role: rows.astype(np.min_scalar_type(rows.max())) for role, rows in arrays.items() if role not in left_out}
    np.savez_compressed(path, **kept)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the manifests and print their counts and checksums."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.protocol.draw", description="Write the package's split manifests."
    )
    parser.add_argument("--data-root", type=Path, help="folder of CIFAR-10; without it, only digits is written")
    parser.add_argument(
        "--authors", type=Path, help=f"folder of the DualHash authors' {', '.join(AUTHORS_FILES.values())}"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "manifests")
    args = parser.parse_args(arguments)
    splits = [draw_digits(Digits().load().labels.numpy())]
    if args.data_root is not None:
        labels = CIFAR10(args.data_root).load().labels.numpy()
        splits += [draw_cifar10_54k(labels), draw_cifar10_linf(labels)]
        if args.authors is not None:
            splits.append(read_dualhash(args.authors, labels))
    args.out.mkdir(parents=True, exist_ok=True)
    for split in splits:
        write_manifest(split, args.out / f"{split.name}.npz")
        print(split.name, split.checksum, split.counts)


if __name__ == "__main__":
    main()
