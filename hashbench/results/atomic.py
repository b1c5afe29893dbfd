"""Atomic writes whose failures are explained to the user, flushed to disk with their folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hashbench.atomic import atomic_write
from hashbench.errors import RunFailedError, UserError
from hashbench.paths import is_dir

_WRONG_PLACE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, at any moment, sees the old file or the whole new one.

    Raises:
        UserError: the place cannot be written to (rights, read-only, no such folder).
        RunFailedError: the disk is full or failed; nothing is left under `path` that was not there before.
    """
    if is_dir(path):
        raise UserError(f"cannot write to {path}: it is a folder. Name a file in it.")
    with write_errors_explained(path), atomic_write(path) as file:
        file.write(content)
    flush_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` of the UTF-8 form of `content`."""
    write_bytes(path, content.encode("utf-8"))


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turn an OSError of the body, which writes to `path`, into one line for the user (see `write_bytes`)."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _WRONG_PLACE:
            raise UserError(f"cannot write to {path}: {reason}. Name a folder that can be written to.") from error
        raise RunFailedError(
            f"writing {path} failed: {reason}. Free space or use another disk, then resume."
        ) from error


def flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be flushed (Windows does not)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
