"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels, inside the package, so nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.data.table import DataTable


class Digits:
    """UCI optical digits as scikit-learn ships them.

    Args:
        root: not used; accepted because every data set takes one.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = root

    def load(self) -> DataTable:
        """(1797, 1, 8, 8) uint8, the original 0..16 scaled to 0..255 and rounded; 10 classes."""
        images, labels = digits()
        pixels = np.rint(images * (255.0 / 16.0)).astype(np.uint8)
        return DataTable(
            name="digits",
            inputs=torch.from_numpy(pixels[:, None]),
            labels=torch.from_numpy(labels),
            num_classes=10,
            class_names=tuple(str(digit) for digit in range(10)),
        )


def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(1797, 8, 8) pixels of 0..16 and (1797,) labels: the arrays of scikit-learn's `load_digits`.

    They are read from the package's file, because to import scikit-learn takes as long as to import torch, and a deep
    method has no other use for it. Where a release keeps the file elsewhere, `load_digits` itself is asked.
    """
    spec = find_spec("sklearn")
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz" if spec and spec.origin else None
    if file is not None and file.is_file():
        rows = np.loadtxt(file, delimiter=",")
        images, labels = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
    else:
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images, labels = bunch.images, bunch.target
    return images, labels.astype(np.int64)
