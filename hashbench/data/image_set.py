"""What all data sets of image files share: an index of paths and labels, decoded once into a table on disk."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import torch

from hashbench.data.image_cache import stored_images
from hashbench.data.image_index import CORRECT_THEM, DataError, ImageIndex
from hashbench.data.table import DataTable
from hashbench.errors import UserError

STORED_SIZE = 256
"""Pixels per side at which images are kept: what networks of 224 pixels are usually fed from."""


class ImageSet(ABC):
    """A data set of image files: a subclass says which ones (`index`), and this decodes and keeps them.

    Args:
        size: pixels per side at which images are stored.
        upright: turn images as their EXIF orientation says; else they are used as stored.

    Attributes:
        if_none_is_there: advice for somebody none of whose images is found.
    """

    if_none_is_there = CORRECT_THEM

    def __init__(self, size: int, upright: bool = False) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or not 8 <= size <= 4096:
            raise UserError(f"dataset.size = {size!r}: images are stored at 8 to 4096 pixels per side")
        if not isinstance(upright, bool):
            raise UserError(
                f"dataset.upright = {upright!r}: true turns images as their EXIF orientation says, or false"
            )
        self.size, self.upright = size, upright

    @abstractmethod
    def index(self) -> ImageIndex:
        """Paths, labels and split, with no image opened."""

    def load(self) -> DataTable:
        """(N, 3, size, size) uint8, mapped from the disk, where they are put at the first call.

        The table's checksum is over the bytes of the image files, the size and the labels: it does not depend on the
        version of the decoder.

        Raises:
            DataError: images that are missing or cannot be decoded, lists that are at fault.
            UserError: no room for the decoded images.
        """
        index = self.index()
        missing = index.missing()
        if missing:
            advice = self.if_none_is_there if len(missing) == len(index) else CORRECT_THEM
            raise DataError(index.name, missing, index, advice)
        pixels, source, remarks = stored_images(index, self.size, upright=self.upright)
        labels = index.labels.numpy()
        turned = " upright" if self.upright else ""
        digest = hashlib.sha256(f"{source} {self.size}{turned} {labels.dtype} {labels.shape}".encode())
        digest.update(labels.astype(labels.dtype.newbyteorder("<"), copy=False).tobytes())
        return DataTable(
            name=index.name,
            inputs=torch.from_numpy(pixels),
            labels=index.labels,
            num_classes=index.num_classes,
            class_names=index.class_names,
            split=index.split,
            known_checksum=digest.hexdigest(),
            notes=(*index.notes, *(f"{count:,} images {remark}" for remark, count in remarks.items())),
        )
