"""Files and folders that are there completely or not at all: written beside their name, then renamed; folders are
deleted the other way round.

What a killed process leaves is hidden, has a name of the form of `TEMPORARY`, and is read by nobody. A writer holds a
lock on what it is writing, which it loses when it is killed: so the next writer of the same file or folder can tell
what was left from what is being written, and deletes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from hashbench.special_file import open_descriptor, open_special

TEMPORARY = ".*.tmp"
"""Glob of what a process that is killed while it writes or deletes may leave; nothing reads it."""

_LONGEST = 180
"""Bytes of a file's own name in that of its temporary one: a name that is allowed must not become too long."""


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file so that a reader, at any moment, sees the old one or the whole new one.

    A link stays, and what it points to is written. A file that is replaced passes its rights on, and its owner where
    the system lets it. A pipe, a terminal or another device (/dev/stdout among them) is written into as it is.

    Args:
        path: the file; its folder exists.
        durable: wait for the disk before the rename, so that not even a power cut leaves a torn file. Without it the
            file is safe from a killed process only.

    Raises:
        OSError: from the body or the disk; nothing is left that was not there before.
    """
    special = open_descriptor(path) or open_special(path)
    if special is not None:
        with special:
            yield special
        return
    target = Path(os.path.realpath(path))
    before = _replaceable(target)
    delete_left_by_killed(target)
    temporary, file = _create(target, before)
    try:
        with file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            os.replace(temporary, target)  # before the lock is let go of
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def filled_folder(folder: Path, mark: str) -> Iterator[Path]:
    """Write files of a folder together: yields an empty one to write them into, from which they go to their place.

    A folder that was not there is there with all of them in one step. In one that is there, be it empty, a mounted
    disk, or with files of an earlier call, `mark` is deleted before the first of them is moved, and moved last.

    Args:
        folder: made with its parents if it is not there.
        mark: name of the file whose presence says that the others are all there.

    Raises:
        OSError: from the body or the disk.
    """
    target = Path(os.path.realpath(folder))
    there = target.exists()
    if not there:
        target.parent.mkdir(parents=True, exist_ok=True)
    name = target / mark if there else target
    with locked(target) if there else nullcontext(), _temporary_folder(name) as temporary:
        delete_left_by_killed(name)  # not before: until then it says that the folder is not complete
        yield temporary
        for file in (*temporary.iterdir(), temporary):
            flush(file)
        if there:
            _move(temporary, target, mark)
        else:
            os.rename(temporary, target)
    flush(target if there else target.parent)


def moved_in_part(folder: Path, mark: str) -> bool:
    """Whether a process was killed within `filled_folder`: what lies in the folder is not all that was to be there."""
    return not (folder / mark).exists() and any(_left_by_killed(folder / mark))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against others who want to hold it, as long as the body runs; waits for them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def flush(path: Path) -> None:
    """Make a file, or a rename in a folder, survive a power cut, where the system lets it be flushed."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _move(source: Path, target: Path, mark: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(os.path.realpath(target / mark))
    for file in sorted(source.iterdir(), key=lambda file: (file.name == mark, file.name)):
        place = target / file.name
        if place.exists() or place.is_symlink():  # its rights, or what it points to, are somebody's choice
            with atomic_write(place) as copy:
                copy.write(file.read_bytes())
        else:
            os.rename(file, place)


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


def delete_left_by_killed(path: Path) -> None:
    """Delete what processes that were killed left beside `path` of their writing it. Others may be at work there."""
    for leftover in _left_by_killed(path):
        with suppress(OSError):  # what cannot be deleted stays
            _delete(leftover)


def _left_by_killed(path: Path) -> Iterator[Path]:
    """What has a temporary name of `path` and is held by no process; each is held while the caller looks at it."""
    name = re.compile(rf"\.{re.escape(_own_name(path))}\.[0-9a-f]{{32}}\.tmp")
    with suppress(OSError):
        names = [entry for entry in os.listdir(path.parent) if name.fullmatch(entry)]
        for entry in names:
            leftover = path.with_name(entry)
            with suppress(OSError):  # gone meanwhile, or held
                descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield leftover
                finally:
                    os.close(descriptor)


def _replaceable(target: Path) -> os.stat_result | None:
    """Of the file that is to be replaced; None where there is none.

    Raises:
        OSError: it must not be written to, or is a folder.
    """
    try:
        before = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return before


def _create(target: Path, before: os.stat_result | None) -> tuple[Path, BinaryIO]:
    """A new file of a temporary name, with the owner and the rights of the one before, held by this process."""
    mode = 0o666 if before is None else stat.S_IMODE(before.st_mode) & 0o700
    while True:
        temporary = _temporary(target)
        file = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")
        _lock(file.fileno())
        if os.fstat(file.fileno()).st_nlink:
            break
        file.close()  # another process took it for a leftover before it was held
    if before is not None:
        with suppress(OSError):  # as a guest in somebody else's folder
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
        with suppress(OSError):
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
    return temporary, file


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, held by this process and gone at the end."""
    while True:
        temporary = _temporary(path)
        temporary.mkdir()
        with locked(temporary):
            if not temporary.exists():
                continue  # another process took it for a leftover before it was held
            try:
                yield temporary
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            return


def _lock(descriptor: int) -> None:
    with suppress(OSError):  # a file system without locks: what is left there then stays
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _own_name(path: Path) -> str:
    return os.fsdecode(os.fsencode(path.name)[:_LONGEST])


def _temporary(path: Path) -> Path:
    """A name beside `path`, of the form of `TEMPORARY`."""
    return path.with_name(f".{_own_name(path)}.{uuid.uuid4().hex}.tmp")
