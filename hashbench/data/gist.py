"""GIST, the hand-crafted features of the hashing literature, and CIFAR-10 described by them.

A. Oliva and A. Torralba, "Modeling the shape of the scene: a holistic representation of the spatial envelope", IJCV
2001: energies of Gabor filters at several scales and orientations, averaged over 4 x 4 blocks of the image. Parameters
are those of the authors' published Matlab toolbox (LMgist), without its resizing: images are described at their size.

Both usual sizes are of the grey image: 3 scales x 8 orientations x 16 blocks = 384 as for the 80 Million Tiny Images,
from which CIFAR-10 was taken, and 4 x 8 x 16 = 512, the toolbox's default. Colour descriptors count three times as many
(960 for 8, 8 and 4 orientations).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hashbench.cache import FeatureCache
from hashbench.data.cifar10 import CIFAR10
from hashbench.data.table import DataTable
from hashbench.errors import UserError

SCALES = {384: 3, 512: 4}
"""Dimensions -> scales; 8 orientations and 4 x 4 blocks in both."""
ORIENTATIONS = 8
BLOCKS = 4
VERSION = 1
"""Raised whenever the same image would get another descriptor: part of the cache's key."""

_CONTRAST_CYCLES = 4.0  # cut-off of the contrast normalisation, cycles per image
_CONTRAST_BORDER = 5  # pixels mirrored around the image for it
_CONTRAST_FLOOR = 0.2  # added to the local deviation
_FILTER_BORDER = 32  # pixels mirrored around the image for the Gabor filters


def gist(images: Tensor | np.ndarray, dimensions: int = 384, batch_size: int = 32) -> np.ndarray:
    """GIST descriptors of small images.

    1. Grey: mean of the channels, stretched to 0..255 for each image.
    2. Contrast: with x = log(1 + grey) and a Gaussian low-pass g * of 4 cycles per image,
       h = x - g * x, and the image becomes h / (0.2 + sqrt(g * h^2)).
    3. Gabor filters by their transfer functions at radius f (cycles per pixel) and angle t,
       exp(-3.5 (f / f_s - 1)^2 - 2 pi (t - t_o)^2),  f_s = 0.3 / 1.85^s,  t_o = -pi o / 8.
    4. The modulus of each response, averaged over 4 x 4 blocks.

    Args:
        images: (N, C, H, W) uint8, any number of channels; at least 32 pixels per side.
        dimensions: 384 (three scales) or 512 (four).
        batch_size: images transformed at a time; more memory, same result.

    Returns:
        (N, dimensions) float32, ordered by scale (fine to coarse), orientation, block row, block column. An image of
        one colour gives zeros.

    Raises:
        UserError: other dimensions, other images.
    """
    images = torch.as_tensor(images)
    if dimensions not in SCALES:
        raise UserError(f"GIST has {' or '.join(map(str, SCALES))} dimensions, not {dimensions}")
    if images.ndim != 4 or images.dtype != torch.uint8 or min(images.shape[2:]) < _FILTER_BORDER:
        dtype = str(images.dtype).removeprefix("torch.")
        raise UserError(
            f"GIST describes uint8 images (N, C, H, W) of at least {_FILTER_BORDER} pixels per side, not {dtype} "
            f"{tuple(images.shape)}; enlarge smaller ones first"
        )
    height, width = images.shape[2:]
    border = 2 * _FILTER_BORDER
    filters = gabor_filters(height + border, width + border, SCALES[dimensions])
    out = np.empty((len(images), dimensions), dtype=np.float32)
    for start in range(0, len(images), batch_size):
        block = images[start : start + batch_size].float().mean(dim=1)
        out[start : start + batch_size] = _energies(_equalised(_stretched(block)), filters).numpy()
    return out


def gabor_filters(height: int, width: int, scales: int) -> Tensor:
    """(8 scales, height, width) real transfer functions, in the order of `torch.fft.fft2`."""
    fy, fx = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = torch.hypot(fx / width, fy / height), torch.atan2(fy, fx)
    transfer = []
    for scale in range(scales):
        radial = 3.5 * (radius / (0.3 / 1.85**scale) - 1) ** 2
        for orientation in range(ORIENTATIONS):
            turned = angle + torch.pi * orientation / ORIENTATIONS
            turned = torch.where(turned > torch.pi, turned - 2 * torch.pi, turned)
            transfer.append(torch.exp(-radial - 2 * torch.pi * turned**2))
    return torch.stack(transfer).float()


def _frequencies(count: int) -> Tensor:
    """0, 1, ..., then the negative ones: cycles in `count` pixels, float64."""
    return torch.fft.fftfreq(count, 1 / count, dtype=torch.float64)


def _stretched(grey: Tensor) -> Tensor:
    """(n, H, W) -> each image's range made 0..255; zeros where it has none."""
    low, high = grey.amin((1, 2), keepdim=True), grey.amax((1, 2), keepdim=True)
    return 255 * (grey - low) / torch.where(high > low, high - low, 1.0)


def _equalised(grey: Tensor) -> Tensor:
    """(n, H, W) in 0..255 -> logarithm with its low frequencies removed and its local contrast made equal."""
    height, width = grey.shape[1:]
    padded = _mirrored(torch.log1p(grey), _CONTRAST_BORDER)
    side = max(padded.shape[1:])
    side += side % 2
    padded = _mirrored(padded, 0, side - padded.shape[1], side - padded.shape[2])
    fy, fx = torch.meshgrid(_frequencies(side), _frequencies(side), indexing="ij")
    low_pass = torch.exp(-(fx**2 + fy**2) * np.log(2) / _CONTRAST_CYCLES**2).float()
    detail = padded - torch.fft.ifft2(torch.fft.fft2(padded) * low_pass).real
    deviation = torch.fft.ifft2(torch.fft.fft2(detail**2) * low_pass).abs().sqrt()
    rows, columns = (slice(_CONTRAST_BORDER, _CONTRAST_BORDER + size) for size in (height, width))
    return (detail / (_CONTRAST_FLOOR + deviation))[:, rows, columns]


def _mirrored(images: Tensor, border: int, below: int = 0, right: int = 0) -> Tensor:
    """Images continued by their mirror image, edge pixels repeated: `border` all around, more below and right."""
    rows, columns = (
        _mirror_index(size, border, border + extra)
        for size, extra in zip(images.shape[1:], (below, right), strict=True)
    )
    return images[:, rows][:, :, columns]


def _mirror_index(size: int, before: int, after: int) -> Tensor:
    """... 1 0 0 1 ... size-1 size-1 size-2 ...: which pixel stands at -before .. size + after - 1."""
    position = torch.arange(-before, size + after) % (2 * size)
    return torch.minimum(position, 2 * size - 1 - position)


def _energies(images: Tensor, filters: Tensor) -> Tensor:
    """(n, H, W) -> (n, filters * BLOCKS^2) mean moduli of the responses over blocks."""
    height, width = images.shape[1:]
    rows, columns = (slice(_FILTER_BORDER, _FILTER_BORDER + size) for size in (height, width))
    spectrum = torch.fft.fft2(_mirrored(images, _FILTER_BORDER))
    over_rows, over_columns = _block_means(height), _block_means(width)
    blocks = []
    for transfer in filters:
        # Inverse transform by rows first: only the rows inside the border go on to the second half.
        response = torch.fft.ifft(spectrum * transfer, dim=1)[:, rows]
        modulus = torch.fft.ifft(response, dim=2)[:, :, columns].abs()
        blocks.append((over_rows @ modulus @ over_columns.T).flatten(1))
    return torch.cat(blocks, dim=1)


def _block_means(size: int) -> Tensor:
    """(BLOCKS, size): averages over contiguous blocks, as equal as whole pixels allow."""
    edges = [int(size * block / BLOCKS) for block in range(BLOCKS + 1)]
    means = torch.zeros(BLOCKS, size)
    for block, (start, stop) in enumerate(pairwise(edges)):
        means[block, start:stop] = 1 / (stop - start)
    return means


class GistCIFAR10:
    """CIFAR-10 as GIST features: the same rows and labels as `CIFAR10`.

    Computed once and kept on disk under the checksum of the images (see `FeatureCache`).

    Args:
        root: as for `CIFAR10`.
        dimensions: 384 or 512.
        cache: folder of the computed features; None: the cache, `hashbench.cache.cache_root`.
    """

    def __init__(self, root: str | Path | None = None, dimensions: int = 384, cache: str | Path | None = None) -> None:
        if dimensions not in SCALES:
            raise UserError(f"GIST has {' or '.join(map(str, SCALES))} dimensions, not {dimensions}")
        self.images = CIFAR10(root)
        self.dimensions = dimensions
        self.cache = FeatureCache(None if cache is None else Path(cache))

    def load(self) -> DataTable:
        """(60000, dimensions) float32 and 10 classes.

        Raises:
            UserError: as for `CIFAR10.load`; a file with some of the images only.
        """
        table = self.images.load()
        if table.present is not None:  # the features of blank images would be kept as those of CIFAR-10
            raise UserError(f"gist_cifar10: {self.images.root} holds a part of CIFAR-10; give the folder of the whole")

        def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
            for part in np.array_split(rows, max(1, len(rows) // 1000)):
                yield gist(table.inputs[torch.from_numpy(part)], self.dimensions)

        key = {"transform": "gist", "version": VERSION, "dimensions": self.dimensions, "images": table.checksum}
        features = self.cache.get_or_compute(key, np.arange(len(table)), blocks, self.dimensions)
        return DataTable(
            name=f"{table.name}-gist{self.dimensions}",
            inputs=torch.from_numpy(np.array(features)),
            labels=table.labels,
            num_classes=table.num_classes,
            class_names=table.class_names,
        )
