"""Files that are there completely or not at all: written beside their name, then renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".*.tmp"
"""Glob of the files that a killed writer may leave; nothing reads them."""


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file so that a reader, at any moment, sees the old one or the whole new one.

    Args:
        path: the file; its folder exists.
        durable: wait for the disk before the rename, so that not even a power cut leaves a torn file. Without it the
            file is safe from a killed process only.

    Raises:
        OSError: from the body or the disk; nothing is left that was not there before.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
