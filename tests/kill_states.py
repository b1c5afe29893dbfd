"""What a kill would leave on disk, at every step of a piece of work: each is looked at, none costs a process.

Just before every file that is opened for writing, every folder that is made, every rename and every deletion below a
folder, the folder is copied: so it would be found had the process been killed there. At every flush a file is copied in
half, as a disk that had no time would have it. A lock that the process holds is not held on a copy, as after its death.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_watch: Callable[[str, tuple[Any, ...]], None] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is not None:
        _watch(event, arguments)


sys.addaudithook(_hook)  # for ever: Python has no way to take one back


def killed_everywhere(folder: Path, states: Path, work: Callable[[], object]) -> list[Path]:
    """Do some work in this process.

    Args:
        folder: where it writes.
        states: folder for copies, elsewhere.
        work: what to do; may fail.

    Returns:
        Copies of the folder, different ones only, in order; the last is what the work left.
    """
    taken: list[Path] = []
    seen: set[tuple[tuple[str, bytes | None], ...]] = set()

    def take(torn: str | None = None) -> None:
        with _not_watched():
            copy = Path(shutil.copytree(folder, states / f"{len(taken):03}", symlinks=True))
            if torn is not None:
                cut = copy / Path(torn).relative_to(folder.resolve())
                os.truncate(cut, cut.stat().st_size // 2)
            content = tuple(contents(copy).items())
            if content in seen:
                shutil.rmtree(copy)
            else:
                seen.add(content)
                taken.append(copy)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & _WRITES and _below(path, folder):
                take()
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink") and (
            _below(arguments[0], folder) or (isinstance(arguments[-1], int) and arguments[-1] != -1)
        ):
            take()

    fsync = os.fsync

    def flush(descriptor: int) -> None:
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        if os.path.isfile(place) and _below(place, folder):
            take()
            take(torn=place)
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch, _watched(watch):
        patch.setattr(os, "fsync", flush)
        work()
    take()
    return taken


def contents(folder: Path) -> dict[str, bytes | None]:
    """Relative path -> bytes of a file, None of a folder; without locks, which say nothing once their holder is dead."""
    paths = sorted(path for path in folder.rglob("*") if not path.name.endswith(".lock"))
    return {
        str(path.relative_to(folder)): None if path.is_dir() and not path.is_symlink() else _content(path)
        for path in paths
    }


def leftovers(folder: Path) -> list[str]:
    """What killed writers left."""
    return [name for name in contents(folder) if name.endswith(".tmp")]


def _content(path: Path) -> bytes:
    return os.readlink(path).encode() if path.is_symlink() else path.read_bytes()


def _below(path: object, folder: Path) -> bool:
    if not isinstance(path, (str, os.PathLike)):
        return False
    return Path(os.path.realpath(path)).is_relative_to(folder.resolve())


@contextmanager
def _watched(watch: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    global _watch
    _watch = watch
    try:
        yield
    finally:
        _watch = None


@contextmanager
def _not_watched() -> Iterator[None]:
    global _watch
    kept, _watch = _watch, None
    try:
        yield
    finally:
        _watch = kept
