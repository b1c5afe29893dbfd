"""The compiler of the kernels: numba's, whose cache always has a place or does without.

numba keeps compiled code in `$NUMBA_CACHE_DIR`, beside the source or in the user's cache folder, whichever can be
written first, and does not even import the functions where none can: an installation that is read-only, used without a
home folder, as in many containers. Two more places are then tried: `$HASHBENCH_CACHE`, and a folder of the user's own
among the temporary files. Without any, each process compiles anew.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numba

logger = logging.getLogger(__name__)


def njit(
    *, parallel: bool = False, inline: Literal["never", "always"] = "never", contract: bool = False
) -> Callable[[Callable], Any]:
    """A decorator: `numba.njit` with its cache.

    Args:
        parallel: `prange` divides its range among threads.
        inline: 'always' for a function that is a part of those that call it.
        contract: a * b + c may be one instruction, rounded once.
    """
    options: dict[str, Any] = {"parallel": parallel, "inline": inline, "fastmath": {"contract"} if contract else False}

    def compiled(function: Callable) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            return numba.njit(cache=_one_more_place(), **options)(function)

    return compiled


@lru_cache(maxsize=1)
def _one_more_place() -> bool:
    """Show numba a folder that can be written; False, with a warning, where there is none."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        return True
    logger.warning(
        "compiled kernels cannot be kept: no folder for them can be written, so each process compiles them again "
        "(10 to 20 s); set HASHBENCH_CACHE to a writable folder"
    )
    return False


def _folders() -> Iterator[Path]:
    """Where compiled code may be kept, the first place first."""
    root = os.environ.get("HASHBENCH_CACHE")
    if root:
        with suppress(RuntimeError):  # `~name` is nobody's home
            yield Path(root).expanduser() / "numba"
    with suppress(OSError):  # no place for temporary files, or something else is there
        folder = Path(tempfile.gettempdir()) / f"hashbench-numba-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # What is kept there is run: nobody else may have made the folder, or write in it.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            yield folder
