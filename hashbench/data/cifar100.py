"""CIFAR-100 through torchvision, 100 fine classes; or a part of it, as arrays in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torchvision import datasets

from hashbench.data.array_file import describe, read_arrays
from hashbench.data.cifar10 import CIFAR10
from hashbench.data.table import DataTable
from hashbench.data.targets import class_ids
from hashbench.errors import UserError


class CIFAR100(CIFAR10):
    """CIFAR-100, 60,000 colour images of 32x32 pixels in 100 classes, the 50,000 training images first.

    Args:
        root: a folder that holds `cifar-100-python`, or that folder itself, as for `CIFAR10`; or a .npz file of some of
            the images: `images` (N, 32, 32, 3) uint8 and `labels` (N,), fine class ids.
    """

    source = datasets.CIFAR100
    title, name, num_classes, probe = "CIFAR-100", "cifar100", 100, "train"

    def load(self) -> DataTable:
        """(N, 3, 32, 32) uint8 and 100 classes.

        Raises:
            UserError: as `CIFAR10.load`; a file that does not hold such arrays.
        """
        return self._read_part(self.root) if self.root.suffix.lower() == ".npz" else super().load()

    def _read_part(self, file: Path) -> DataTable:
        arrays = read_arrays(file, label=self.title)
        images, labels = arrays.get("images"), arrays.get("labels")
        if images is None or labels is None or images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3):
            raise UserError(
                f"{self.title}: {file} holds {describe(arrays)}; needed are images (N, 32, 32, 3) uint8 and labels (N,)"
            )
        pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        ids = class_ids(labels, f"{self.title}: {file}: labels")
        return DataTable(f"{self.name} from {file.name}", torch.from_numpy(pixels), torch.from_numpy(ids), 100)
