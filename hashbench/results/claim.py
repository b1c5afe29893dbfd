"""Who may write in a folder: one process at a time, which lets go of it by itself when it is killed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import filelock

from hashbench.errors import UserError
from hashbench.results.atomic import write_errors_explained, write_text
from hashbench.results.record import read_json, to_json

_LOCK = ".lock"
_HOLDER = ".holder.json"


class FolderInUseError(UserError):
    """Another process works in the folder of a run."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Create a folder and hold it for this process as long as the body runs.

    Raises:
        FolderInUseError: another process holds it.
        UserError: it cannot be written to.
    """
    lock = filelock.FileLock(str(folder / _LOCK))
    with write_errors_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise FolderInUseError(
                f"{folder} is in use by {_holder(folder)}: wait for it, stop it, or give another seed or --out."
            ) from None
    try:
        write_text(folder / _HOLDER, to_json(_this_process()))
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def is_claimed(folder: Path) -> bool:
    """Whether a process holds a folder at this moment."""
    lock = filelock.FileLock(str(folder / _LOCK))
    try:
        with lock.acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # no such folder, or not ours to write in: whoever claims it will be told
        return False


def _holder(folder: Path) -> str:
    try:
        holder = read_json(folder / _HOLDER)
    except UserError:  # it has just started, or is just about to end
        return "another process"
    return f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"


def _this_process() -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
