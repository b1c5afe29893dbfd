"""From stored rows to what a network takes: uint8 images resized, augmented and normalised on the device, in batches.

Random numbers are drawn on the CPU and then moved, so CPU and GPU see the same augmentation, and drawn for the whole
batch before it is divided, so several processes see what one would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from hashbench.errors import UserError


class Draw(NamedTuple):
    """How each sample of a batch is augmented.

    Attributes:
        flip: (b,) bool, mirrored left to right.
        offset: (b, 2) float64 in [0, 1), where the crop lies in the padded image: (vertical, horizontal).
    """

    flip: Tensor
    offset: Tensor

    def part(self, start: int, stop: int) -> Draw:
        """The draw of samples start .. stop - 1."""
        return Draw(self.flip[start:stop], self.offset[start:stop])


class DeviceTransform:
    """A batch of uint8 images -> a batch of float32 network inputs, wherever the batch is. Features pass unchanged.

    Args:
        kind: 'image' or 'feature', as `DataTable.kind`.
        size: height and width in pixels after resizing (antialiased); None keeps the images' own.
        augment: 'none'; 'flip', a horizontal flip of half of the samples; 'crop_flip', before it a random crop of the
            resized image padded by an eighth of its height and width (reflected).
        mean, std: per channel, of values in 0..1. Images of one channel are repeated where there are more entries.
        interpolation: 'bilinear' or 'bicubic', of the resizing.
        channels_last: return images in this memory format; the values are the same.

    Raises:
        UserError: an unknown kind, augmentation or interpolation, mean and std of different lengths, std not above 0,
            a size below 1, augmentation of features.
    """

    def __init__(
        self,
        kind: Literal["image", "feature"],
        size: int | None = None,
        augment: Literal["none", "flip", "crop_flip"] = "none",
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        *,
        interpolation: Literal["bilinear", "bicubic"] = "bilinear",
        channels_last: bool = False,
    ) -> None:
        if kind not in ("image", "feature"):
            raise UserError(f"transform: kind {kind!r} is unknown; use image or feature")
        if augment not in ("none", "flip", "crop_flip"):
            raise UserError(f"transform: augment {augment!r} is unknown; use none, flip or crop_flip")
        if kind == "feature" and augment != "none":
            raise UserError(f"transform: augment {augment!r} is for images, these are features; use augment: none")
        if len(mean) != len(std) or not mean or min(std) <= 0:
            raise UserError(f"transform: mean {list(mean)} and std {list(std)} need one entry per channel, std above 0")
        if size is not None and size < 1:
            raise UserError(f"transform: an image size of {size} pixels is impossible; use 1 or more")
        if interpolation not in ("bilinear", "bicubic"):
            raise UserError(f"transform: interpolation {interpolation!r} is unknown; use bilinear or bicubic")
        self.kind, self.size, self.augment, self.channels_last = kind, size, augment, channels_last
        self.interpolation: Literal["bilinear", "bicubic"] = interpolation
        self.mean, self.std = [float(value) for value in mean], [float(value) for value in std]
        self._scale_shift: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def describe(self) -> dict[str, Any]:
        """All that decides the values, for fingerprints and cache keys."""
        if self.kind == "feature":
            return {"kind": "feature"}
        facts: dict[str, Any] = {"kind": "image", "size": self.size, "augment": self.augment}
        return {**facts, "mean": self.mean, "std": self.std, "resize": f"{self.interpolation}-antialias"}

    def draw(self, count: int, generator: torch.Generator) -> Draw:
        """The random numbers for `count` samples: always as many, whatever the augmentation makes of them."""
        flip = torch.rand(count, generator=generator) < 0.5
        return Draw(flip, torch.rand(count, 2, dtype=torch.float64, generator=generator))

    def __call__(self, batch: Tensor, draw: Draw | torch.Generator | None = None) -> Tensor:
        """Transform a batch.

        Args:
            batch: (b, C, H, W) uint8 on any device, or (b, d) features.
            draw: the augmentation of each sample, or a CPU generator to draw it from; None: no augmentation.

        Returns:
            (b, max(C, len(mean)), size, size) float32 on the same device.

        Raises:
            UserError: images whose channels do not match `mean`.
        """
        if self.kind == "feature":
            return batch
        if len(self.mean) != batch.shape[1] and 1 not in (len(self.mean), batch.shape[1]):
            raise UserError(
                f"transform: images of {batch.shape[1]} channels, mean and std of {len(self.mean)}; make them match"
            )
        images = self._resize(batch)
        if self.augment != "none" and draw is not None:
            if isinstance(draw, torch.Generator):
                draw = self.draw(len(images), draw)
            images = self._augment(images, draw)
        images = self._normalise(images)
        return images.contiguous(memory_format=torch.channels_last) if self.channels_last else images

    def _resize(self, images: Tensor) -> Tensor:
        if self.size is None or tuple(images.shape[2:]) == (self.size, self.size):
            return images
        shape = (self.size, self.size)
        resized = F.interpolate(images.float(), shape, mode=self.interpolation, align_corners=False, antialias=True)
        # Bicubic weights are negative in part: at edges they leave the range of a pixel.
        return resized.clamp_(0, 255) if self.interpolation == "bicubic" else resized

    def _augment(self, images: Tensor, draw: Draw) -> Tensor:
        if self.augment == "crop_flip":
            images = random_crop(images, draw.offset)
        flip = draw.flip.to(images.device, non_blocking=True)
        return torch.where(flip[:, None, None, None], images.flip(3), images)

    def _normalise(self, images: Tensor) -> Tensor:
        """(x / 255 - mean) / std as one multiplication and one addition; a single channel spreads over the mean's."""
        if images.device not in self._scale_shift:
            mean, std = torch.tensor(self.mean, dtype=torch.float64), torch.tensor(self.std, dtype=torch.float64)
            scale, shift = (
                (value.float()[None, :, None, None]).to(images.device) for value in (1 / (255 * std), -mean / std)
            )
            self._scale_shift[images.device] = scale, shift
        scale, shift = self._scale_shift[images.device]
        return torch.addcmul(shift, images.float(), scale)


def random_crop(images: Tensor, offset: Tensor) -> Tensor:
    """Crops of the images' own size out of the images padded by an eighth (reflected), one place a sample.

    Args:
        images: (b, C, H, W).
        offset: (b, 2) in [0, 1): vertical and horizontal place among the 2 * (H // 8) + 1 and 2 * (W // 8) + 1.
    """
    height, width = images.shape[2:]
    pad_y, pad_x = height // 8, width // 8
    places = torch.tensor([2 * pad_y + 1, 2 * pad_x + 1])
    top, left = (offset * places).long().to(images.device, non_blocking=True).unbind(1)
    rows = _reflected(top[:, None] - pad_y + torch.arange(height, device=images.device), height)
    columns = _reflected(left[:, None] - pad_x + torch.arange(width, device=images.device), width)
    pixel = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
    flat = images.flatten(2)
    return flat.gather(2, pixel[:, None].expand_as(flat)).view_as(images)


def _reflected(position: Tensor, length: int) -> Tensor:
    """Positions up to one length outside 0 .. length - 1, mirrored back inside without repeating the edge."""
    return (length - 1) - ((length - 1) - position.abs()).abs()
