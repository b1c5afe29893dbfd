"""Images as data URIs, small enough that hundreds of them fit into one page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

LARGEST = 96
"""Pixels of the longer side; larger images are scaled down and stored as JPEG, others as PNG, exact."""
CRISP = 24
"""Images of at most so many pixels are shown with their pixels as squares."""


def data_uri(pixels: np.ndarray) -> str:
    """(C, H, W) uint8, one channel or three -> a `data:` URI."""
    channels, height, width = pixels.shape
    image = Image.fromarray(pixels[0] if channels == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    buffer = io.BytesIO()
    if max(height, width) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        image.save(buffer, "JPEG", quality=80)
        kind = "jpeg"
    else:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def is_crisp(pixels: np.ndarray) -> bool:
    """Whether an image is so small that it is shown pixel by pixel."""
    return max(pixels.shape[1:]) <= CRISP
