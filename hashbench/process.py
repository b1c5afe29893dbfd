"""What a process of hashbench settles with the system: a home, a parent to end with, where modules are looked for."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_FOR_PARENT = 0.5
"""Seconds between two looks at whether the parent is still there, where the kernel does not tell."""


def settle_home() -> None:
    """Give this process and those it starts a home, if its user has none: a number of no account, without $HOME.

    Containers run so, and many libraries end with an error there. It is `hashbench-NUMBER` among the temporary files,
    where `cache_root` is then, too.
    """
    if "HOME" in os.environ:
        return
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(private_folder())


def private_folder() -> Path:
    """A folder of the user's own among the temporary files, the same for all processes.

    If somebody else has made it, or may write in it, it is one of this process's own, which goes with it.

    Raises:
        FileNotFoundError: no folder for temporary files can be written.
    """
    folder = Path(tempfile.gettempdir()) / f"hashbench-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return folder
    except OSError:  # a file of that name
        pass
    other = Path(tempfile.mkdtemp(prefix="hashbench-"))
    atexit.register(shutil.rmtree, other, ignore_errors=True)
    return other


def end_with_parent(parent: int | None = None) -> None:
    """Die at once when the parent does, however it does: an orphan would go on writing where the next call begins.

    A thread watches the parent. On Linux the kernel is asked too: compiled code that holds the interpreter's lock,
    such as an evaluation, would keep the thread waiting.

    Args:
        parent: number of its process; None: the parent that this process has now.
    """
    known = os.getppid() if parent is None else parent

    def watch() -> None:
        while os.getppid() == known:
            time.sleep(_LOOK_FOR_PARENT)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def starting_safely() -> Iterator[None]:
    """A process that multiprocessing starts in this block does not look for modules in the working folder.

    It may find itself in another one: its function has to go where it belongs. (Python 3.10 always looks where it is.)
    """
    if sys.version_info < (3, 11):
        here = os.getcwd()
        os.chdir(os.path.dirname(os.__file__))
        try:
            yield
        finally:
            os.chdir(here)
        return
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def search_for_modules(folder: Path) -> None:
    """Look for modules in this folder too: after Python's own, which none in it can stand for, and before others."""
    if str(folder) in sys.path:
        return
    own = os.path.dirname(os.__file__)
    last = max((place for place, path in enumerate(sys.path) if path in (own, f"{own}/lib-dynload")), default=-1)
    sys.path.insert(last + 1, str(folder))
