"""scikit-learn's handwritten digits: 1,797 images of 8x8 pixels, inside the package, so nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

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
        bunch = load_digits()
        pixels = np.rint(bunch.images * (255.0 / 16.0)).astype(np.uint8)
        return DataTable(
            name="digits",
            inputs=torch.from_numpy(pixels[:, None]),
            labels=torch.from_numpy(bunch.target.astype(np.int64)),
            num_classes=10,
            class_names=tuple(str(digit) for digit in range(10)),
        )
