"""CIFAR-10 through torchvision: 50,000 training images followed by 10,000 test images, in the original order.

Row numbers 0..59,999 are therefore those of the DualHash authors' split.
"""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torchvision import datasets

from hashbench.cache import cache_root
from hashbench.data.cifar10_pack import read_pack
from hashbench.data.table import DataTable
from hashbench.errors import UserError
from hashbench.paths import expanded, is_file

SILENCE = 30.0
"""Seconds without a byte after which a download counts as failed."""


class CIFAR10:
    """CIFAR-10, 60,000 colour images of 32x32 pixels in 10 classes.

    Args:
        root: a folder that holds `cifar-10-batches-py`, or that folder itself. Where it holds neither, the data are
            downloaded into it. None: the cache, `hashbench.cache.cache_root`. Or a .npz file with the images of one
            split, see `hashbench.data.cifar10_pack`.
    """

    source: type[datasets.CIFAR10] = datasets.CIFAR10
    title, name, num_classes, probe = "CIFAR-10", "cifar10", 10, "data_batch_1"

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = expanded(root) if root is not None else cache_root()

    def load(self) -> DataTable:
        """(60000, 3, 32, 32) uint8 and 10 classes.

        Raises:
            UserError: there are no data and none can be downloaded, or the files are damaged.
        """
        if self.root.suffix.lower() == ".npz":
            return read_pack(self.root)
        folder = self._find() or self._download()
        inside = type(self.source.__name__, (self.source,), {"base_folder": ""})  # files directly in the root
        # Each part's check reads the files of both: one is enough.
        checked = type(self.source.__name__, (inside,), {"_check_integrity": lambda _: True})
        try:
            parts = [inside(str(folder), train=True), checked(str(folder), train=False)]
        except RuntimeError as error:  # torchvision's check of the published md5 sums
            raise UserError(
                f"{self.title} in {folder}: files are missing or damaged (their md5 sums are not the published ones); "
                "remove the folder and run again to download it, or copy it anew"
            ) from error
        pixels = np.concatenate([part.data for part in parts]).transpose(0, 3, 1, 2)
        labels = np.concatenate([np.asarray(part.targets, dtype=np.int64) for part in parts])
        return DataTable(
            name=self.name,
            inputs=torch.from_numpy(np.ascontiguousarray(pixels)),
            labels=torch.from_numpy(labels),
            num_classes=self.num_classes,
            class_names=tuple(parts[0].classes),
        )

    def _find(self) -> Path | None:
        """The folder with the batch files: below the root, or the root itself."""
        folders = (self.root / self.source.base_folder, self.root)
        return next((folder for folder in folders if is_file(folder / self.probe)), None)

    def _download(self) -> Path:
        """Fetch the archive into the root and unpack it there; one process at a time."""
        root, base = self.root, self.source.base_folder
        looked = f"{self.title}: looked for {base} in {root} and found none"
        todo = "give a folder that holds it with --data-root DIR"
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(root / f".{self.name}.lock")
            lock.acquire()
        except OSError as error:
            raise UserError(
                f"{looked}, and nothing can be written there ({error.strerror or error}); {todo}"
            ) from error
        silence = socket.getdefaulttimeout()
        try:
            socket.setdefaulttimeout(SILENCE)
            self.source(str(root), download=True)
        except (OSError, RuntimeError, EOFError) as error:  # no network, a broken archive, a full disk
            reason = " ".join(str(error).split())
            raise UserError(
                f"{looked}, and the download failed ({reason}); {todo}, or try again with a network"
            ) from error
        finally:
            socket.setdefaulttimeout(silence)
            lock.release()
        return root / base
