"""CIFAR-10 through torchvision: 50,000 training images followed by 10,000 test images, in the original order.

Row numbers 0..59,999 are therefore those of the DualHash authors' split.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torchvision import datasets

from hashbench.data.table import DataTable
from hashbench.errors import UserError

FOLDER = datasets.CIFAR10.base_folder
SILENCE = 30.0
"""Seconds without a byte after which a download counts as failed."""


class _InFolder(datasets.CIFAR10):
    """torchvision's data set with the batch files directly in its root."""

    base_folder = ""


class CIFAR10:
    """CIFAR-10, 60,000 colour images of 32x32 pixels in 10 classes.

    Args:
        root: a folder that holds `cifar-10-batches-py`, or that folder itself. Where it holds neither, the data are
            downloaded into it. None: `hashbench` under `$XDG_CACHE_HOME` or `~/.cache`.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root).expanduser() if root is not None else _default_root()

    def load(self) -> DataTable:
        """(60000, 3, 32, 32) uint8 and 10 classes.

        Raises:
            UserError: there are no data and none can be downloaded, or the files are damaged.
        """
        folder = _find(self.root) or _download(self.root)
        try:
            parts = [_InFolder(str(folder), train=train) for train in (True, False)]
        except RuntimeError as error:  # torchvision's check of the published md5 sums
            raise UserError(
                f"CIFAR-10 in {folder}: files are missing or damaged (their md5 sums are not the published ones); "
                "remove the folder and run again to download it, or copy it anew"
            ) from error
        pixels = np.concatenate([part.data for part in parts]).transpose(0, 3, 1, 2)
        labels = np.concatenate([np.asarray(part.targets, dtype=np.int64) for part in parts])
        return DataTable(
            name="cifar10",
            inputs=torch.from_numpy(np.ascontiguousarray(pixels)),
            labels=torch.from_numpy(labels),
            num_classes=10,
            class_names=tuple(parts[0].classes),
        )


def _default_root() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hashbench"


def _find(root: Path) -> Path | None:
    """The folder with the batch files: below the root, or the root itself."""
    return next((folder for folder in (root / FOLDER, root) if (folder / "data_batch_1").is_file()), None)


def _download(root: Path) -> Path:
    """Fetch the archive into `root` and unpack it there; one process at a time."""
    looked = f"CIFAR-10: looked for {FOLDER} in {root} and found none"
    todo = "give a folder that holds it with --data-root DIR"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".cifar10.lock")
        lock.acquire()
    except OSError as error:
        raise UserError(f"{looked}, and nothing can be written there ({error.strerror or error}); {todo}") from error
    silence = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(SILENCE)
        datasets.CIFAR10(str(root), download=True)
    except (OSError, RuntimeError, EOFError) as error:  # no network, a broken archive, a full disk
        reason = " ".join(str(error).split())
        raise UserError(f"{looked}, and the download failed ({reason}); {todo}, or try again with a network") from error
    finally:
        socket.setdefaulttimeout(silence)
        lock.release()
    return root / FOLDER
