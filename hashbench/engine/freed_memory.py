"""What becomes of memory that a step of training gives back."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""


def keep_freed_memory() -> None:
    """Have this process keep freed memory for its next use, where the C library is glibc.

    By default the tensors of a step are returned to the system and asked for again in the next, and the system fills
    them with zeros each time: a seventh of a step of a small convolutional network on a CPU. The process stays as large
    as it was at its largest.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_THRESHOLD, 2**25)  # the largest that it takes
