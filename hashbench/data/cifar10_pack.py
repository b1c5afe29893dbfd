"""The 20,000 CIFAR-10 images of the DualHash authors' split in one file of 41 MB, for machines without a network.

The file holds some rows of the 60,000 and their row numbers, so a protocol's split applies as it is. What is read must
be the very images of the published archive (`CONTENT`, their sha256), so a run on the file is a run on CIFAR-10: it has
the same data checksum and the same fingerprint. Rows that the file leaves out are refused where a split asks for them.

Pixels are kept as differences modulo 256, between channels and then between neighbours in a row, which deflate packs
better by a quarter.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch

from hashbench.atomic import atomic_write
from hashbench.data.table import DataTable
from hashbench.errors import UserError
from hashbench.npz import read_npz

ROWS = 60_000
"""Of CIFAR-10."""
SHAPE = (3, 32, 32)
CONTENT = "db8767781e76f41f5bdfdfa8a5c31be10c9e3bd8a25165bc3e3bd5e70e7ff8f8"
"""sha256 of the rows, pixels and labels of `cifar10-dualhash`, see `_digest`."""
WHOLE = "c64423f1fe985a9841f2ecd1488317f259b342d3c44b28b3bd3374c5df9a30b9"
"""`DataTable.checksum` of the whole CIFAR-10, of which torchvision has compared the md5 sums."""


def write_pack(table: DataTable, rows: np.ndarray, path: Path) -> None:
    """Write some rows of CIFAR-10.

    Args:
        table: the whole of it.
        rows: (n,) row numbers, sorted.

    Raises:
        UserError: a table of other images, or rows that are not those of the split.
        OSError: the file cannot be written.
    """
    chosen = torch.from_numpy(rows)
    pixels, labels = table.inputs[chosen].numpy(), table.labels[chosen].numpy()
    if table.checksum != WHOLE or _digest(rows, pixels, labels) != CONTENT:
        raise UserError(f"{table.name}: only the rows of cifar10-dualhash, of the whole CIFAR-10, can be packed")
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        rows=rows.astype(np.int64),
        differences=_differences(pixels),
        labels=labels.astype(np.uint8),
        names=np.array(table.class_names),
    )
    with atomic_write(path) as file:
        file.write(packed.getbuffer())


def read_pack(path: Path) -> DataTable:
    """All 60,000 rows, of which those that the file has are `present`; the pixels of the others are 0.

    Raises:
        UserError: no such file, or one that does not hold the very images.
    """
    advice = "write it again with benchmarks/gpu_check.py --pack"
    arrays = read_npz(path, ("rows", "differences", "labels", "names"), label=f"CIFAR-10: {path}", advice=advice)
    rows, differences, labels = arrays["rows"], arrays["differences"], arrays["labels"]
    fits = rows.ndim == 1 and rows.dtype == np.int64 and labels.shape == rows.shape and labels.dtype == np.uint8
    if not fits or differences.shape != (len(rows), *SHAPE) or differences.dtype != np.uint8:
        raise UserError(f"CIFAR-10: {path} is no pack of its images; {advice}")
    pixels = _undone(differences)
    if _digest(rows, pixels, labels) != CONTENT:
        raise UserError(f"CIFAR-10: {path} holds other images than those of the split; {advice}")
    inputs = torch.zeros((ROWS, *SHAPE), dtype=torch.uint8)
    targets = torch.zeros(ROWS, dtype=torch.int64)
    chosen = torch.from_numpy(rows)
    inputs[chosen], targets[chosen] = torch.from_numpy(pixels), torch.from_numpy(labels).long()
    return DataTable(
        name="cifar10",
        inputs=inputs,
        labels=targets,
        num_classes=10,
        class_names=tuple(str(name) for name in arrays["names"]),
        known_checksum=WHOLE,
        present=rows,
    )


def _differences(pixels: np.ndarray) -> np.ndarray:
    """(n, 3, 32, 32) uint8, of each channel to the one before and of each pixel to its left neighbour."""
    return np.diff(np.diff(pixels, axis=1, prepend=np.uint8(0)), axis=3, prepend=np.uint8(0))


def _undone(differences: np.ndarray) -> np.ndarray:
    """The inverse of `_differences`: sums modulo 256."""
    return np.cumsum(np.cumsum(differences, axis=3, dtype=np.uint8), axis=1, dtype=np.uint8)


def _digest(rows: np.ndarray, pixels: np.ndarray, labels: np.ndarray) -> str:
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(rows, dtype="<i8").data)
    digest.update(np.ascontiguousarray(pixels).data)
    digest.update(np.ascontiguousarray(labels, dtype=np.uint8).data)
    return digest.hexdigest()
