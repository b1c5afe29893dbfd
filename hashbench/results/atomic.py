"""Atomic writes whose failures are explained to the user, flushed to disk with their folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashbench.atomic import atomic_write, flush
from hashbench.errors import RunFailedError, UserError
from hashbench.paths import is_dir

_WRONG_PLACE = {
    errno.EACCES,
    errno.EBADF,
    errno.EBUSY,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.ENXIO,
    errno.EPERM,
    errno.EROFS,
}


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, at any moment, sees the old file or the whole new one.

    Every file that a command writes is written by this: see `hashbench.atomic.atomic_write` for links, rights, pipes
    and devices.

    Raises:
        UserError: the place cannot be written to (rights, read-only, no such folder).
        RunFailedError: the disk is full or failed; nothing is left under `path` that was not there before.
    """
    with write_errors_explained(path):
        if is_dir(path):
            raise UserError(f"cannot write to {path}: it is a folder. Name a file in it.")
        with atomic_write(path) as file:
            file.write(content)
    flush(Path(os.path.realpath(path)).parent)


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
        if error.errno == errno.EPIPE:
            raise RunFailedError(f"writing {path} failed: whoever read from it is gone.") from error
        raise RunFailedError(
            f"writing {path} failed: {reason}. Free space or use another disk, then try again."
        ) from error
