"""Image files to pixels of one size, many at a time in threads (decoding and resizing release Python's lock)."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from hashbench.data.quiet_pillow import quiet_pillow

BLOCK = 256
"""Images decoded before any of them is handed on."""
TURNED = "with an EXIF orientation, used as stored (--set dataset.upright=true turns them)"
TRANSPARENT = "with transparent pixels, used with the colours stored beneath"
DARK = "of 16 bits with less than a sixteenth of their range in use, so nearly black"

_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_WHITE = 65535
_NO_RANGE = {"F": "floating-point", "I": "32-bit or signed"}
"""Modes of Pillow whose black and white are not known from the file."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the image upright."""
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>")
_LONGEST = 100


class Decoded(NamedTuple):
    """One image: `pixels` (3, size, size) uint8 and `sha256` of the file's bytes; or `fault`, why there are none.

    `remarks` says what the image has that its pixels do not show: `TURNED`, `TRANSPARENT`, `DARK`.
    """

    pixels: np.ndarray | None
    sha256: bytes
    fault: str = ""
    remarks: tuple[str, ...] = ()


def decode(file: Path, size: int, *, upright: bool = False) -> Decoded:
    """Read an image as RGB: its central square, resized to `size` pixels (bilinear, antialiased).

    That is the usual "shorter side to `size`, then centre crop" in one step. Grey of 16 bits is brought to 8; colours
    beneath transparent pixels are kept as they are stored. Never raises for what a file may hold.

    Args:
        upright: turn the image as its EXIF orientation says; else it is used as stored.
    """
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        return Decoded(None, b"", getattr(error, "strerror", None) or str(error))
    if not content:
        return Decoded(None, b"", "the file is empty")
    try:
        with quiet_pillow(), Image.open(io.BytesIO(content)) as image:
            deep = image.mode in _DEEP_GREY or (image.mode == "I" and image.format in ("PNG", "PPM"))
            grey, dark = _eight_bits(image) if deep else (image, False)
            rgb = _rgb(grey)
            orientation, transparent = _orientation(image), _has_transparent_pixels(image)
            if upright and orientation in _TURNS:
                rgb = rgb.transpose(_TURNS[orientation])
            square = _central_square(rgb, size)
    except UnidentifiedImageError:
        return Decoded(None, b"", "not an image, or of an unknown kind")
    except Exception as error:  # damaged bytes make Pillow fail in any way
        return Decoded(None, b"", _reason(error))
    pixels = np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))
    remarks = (TURNED,) * (orientation in _TURNS and not upright) + (TRANSPARENT,) * transparent + (DARK,) * dark
    # Deep grey used to become white: what was made of it then must not pass for what is made of it now.
    return Decoded(pixels, hashlib.sha256(content + b"16-bit grey" * deep).digest(), remarks=remarks)


def decode_all(files: Sequence[Path], size: int, *, upright: bool = False) -> Iterator[list[Decoded]]:
    """Blocks of decoded images in the order of the files, on as many threads as this process has cores."""
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(files), BLOCK):
            with quiet_pillow():
                block = list(pool.map(lambda file: decode(file, size, upright=upright), files[start : start + BLOCK]))
            yield block


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _rgb(image: Image.Image) -> Image.Image:
    """The image in 8-bit RGB.

    Raises:
        ValueError: it holds numbers of which black and white are not known.
    """
    if image.mode in _NO_RANGE:
        raise ValueError(f"{_NO_RANGE[image.mode]} pixels, of unknown black and white: save it with 8 or 16 bits")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> tuple[Image.Image, bool]:
    """Grey of 9 to 16 bits as grey of 8, from black (0) to white (all ones); Pillow itself would cut off at 255.

    Returns:
        The image, and whether it uses so little of its range that it comes out nearly black.

    Raises:
        ValueError: no value is above 255, as where 8 bits were stored in 16.
    """
    white, inverted = _WHITE, False
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        white = 2 ** int(tags.get(ExifTags.Base.BitsPerSample, (16,))[0]) - 1
        inverted = tags.get(ExifTags.Base.PhotometricInterpretation) == 0  # white is zero
    values = np.asarray(image).astype(np.uint32).clip(0, white)
    if inverted:
        values = white - values
    highest = int(values.max())
    if 0 < highest < 256:
        raise ValueError(f"16-bit pixels of at most {highest} of {white}, so nearly black: save it with 8 bits")
    return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8)), 16 * highest < white


def _orientation(image: Image.Image) -> int:
    """How EXIF says that a loaded image is to be turned, 2 to 8; 1 where it says nothing, or nothing readable."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata are no fault of the pixels
        return 1
    return value if value in _TURNS else 1


def _has_transparent_pixels(image: Image.Image) -> bool:
    """Whether a loaded image has pixels that are not opaque."""
    if not image.has_transparency_data:
        return False
    lowest = image.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(lowest, (int, float)) and lowest < 255


def _central_square(image: Image.Image, size: int) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box)


def _reason(error: Exception) -> str:
    """Why an image is not read, in a few words, the same at every call."""
    words = " ".join(_ADDRESS.sub("", str(error)).split())
    return words[:_LONGEST] or type(error).__name__
