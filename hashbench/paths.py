"""Paths that people name: what lies there, and how they are shown. Asking never ends in a traceback.

`pathlib` raises where a folder on the way may not be looked into or where a name is too long for the disk. Here what
cannot be there is not there, and what may not be looked at is refused in one line.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from hashbench.errors import UserError, cut
from hashbench.foreign_text import visible_in_a_line

LONGEST = 120
"""Characters of a path that a message shows."""
NAME = 48
"""Characters of a path that is part of the name of a data set, which begins messages that say more."""

_NOTHING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EBADF, errno.EINVAL))


def is_file(path: Path) -> bool:
    """Whether a regular file is there, or a link to one. Raises `UserError` as `exists`."""
    return stat.S_ISREG(_mode(path))


def is_dir(path: Path) -> bool:
    """Whether a folder is there, or a link to one. Raises `UserError` as `exists`."""
    return stat.S_ISDIR(_mode(path))


def exists(path: Path) -> bool:
    """Whether anything is there; a broken link, a circle of links and an impossible name are nothing.

    Raises:
        UserError: a folder on the way may not be looked into, or the disk does not answer.
    """
    return _mode(path) != 0


def why_no_file(path: Path) -> str:
    """Why a path leads to no regular file, in a few words; empty where it does. Raises nothing."""
    try:
        mode = path.stat().st_mode
    except ValueError:
        return "no possible name"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "neither file nor folder"


def expanded(path: str | Path) -> Path:
    """The path with a `~` or `~name` at its start replaced by that home folder.

    Raises:
        UserError: there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # how pathlib says so
        raise UserError(f"{brief(path)}: there is no such home folder; give a full path") from error


def real(path: str | Path) -> Path:
    """The full path with links followed, a circle of them as far as it goes."""
    return Path(os.path.realpath(path))


def brief(path: str | Path, longest: int = LONGEST) -> str:
    """A path as a message shows it: printable, and no longer than `longest` characters; its middle is left out."""
    return cut(visible_in_a_line(str(path)), longest)


def _mode(path: Path) -> int:
    """Kind and permissions of what is there, 0 for nothing."""
    try:
        return path.stat().st_mode
    except ValueError:  # a name that no file can have
        return 0
    except OSError as error:
        if error.errno in _NOTHING:
            return 0
        raise UserError(
            f"{brief(path)}: cannot be looked at ({error.strerror or error}); correct the path or its permissions"
        ) from error
