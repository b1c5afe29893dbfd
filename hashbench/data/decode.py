"""Image files to pixels of one size, many at a time in threads (decoding and resizing release Python's lock)."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

BLOCK = 256
"""Images decoded before any of them is handed on."""


class Decoded(NamedTuple):
    """One image: `pixels` (3, size, size) uint8 and `sha256` of the file's bytes; or `fault`, why there are none."""

    pixels: np.ndarray | None
    sha256: bytes
    fault: str = ""


def decode(file: Path, size: int) -> Decoded:
    """Read an image as RGB: its central square, resized to `size` pixels (bilinear, antialiased).

    That is the usual "shorter side to `size`, then centre crop" in one step. Never raises for what a file may hold.
    """
    try:
        content = file.read_bytes()
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
            warnings.simplefilter("ignore")  # odd metadata and large images are no fault
            width, height = image.size
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            square = image.convert("RGB").resize(
                (size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)
            )
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        return Decoded(None, b"", " ".join(str(error).replace(repr(str(file)), "").split()) or type(error).__name__)
    pixels = np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))
    return Decoded(pixels, hashlib.sha256(content).digest())


def decode_all(files: Sequence[Path], size: int) -> Iterator[list[Decoded]]:
    """Blocks of decoded images in the order of the files, on as many threads as this process has cores."""
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(files), BLOCK):
            yield list(pool.map(lambda file: decode(file, size), files[start : start + BLOCK]))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
