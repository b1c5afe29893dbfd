"""Files and folders that are there completely or not at all: written beside their name, then renamed; folders are
deleted the other way round.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".*.tmp"
"""Glob of what a process that is killed while it writes or deletes may leave; nothing reads it."""


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
    temporary = _temporary(path)
    try:
        with open(temporary, "xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def delete_at_once(path: Path) -> None:
    """Delete a file, a link (not what it points to) or a folder, so that no process ever sees half a folder.

    Raises:
        OSError: it cannot be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        path = path.rename(_temporary(path))
    _delete(path)


def delete_leftovers(folder: Path) -> None:
    """Delete what processes that were killed left in a folder. No other process may be at work in it.

    Raises:
        OSError: something cannot be deleted.
    """
    for leftover in folder.glob(TEMPORARY):
        _delete(leftover)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """A name beside `path`, of the form of `TEMPORARY`."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
