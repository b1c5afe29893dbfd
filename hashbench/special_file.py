"""Output files that are no regular files: pipes, terminals and other devices, descriptors such as /dev/stdout.

They are written into as they are. A file renamed to such a name would take its place, and whoever reads there would
wait for ever.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LINKS = 40
"""That are followed one after the other, as the system does."""


def open_descriptor(path: Path) -> BinaryIO | None:
    """What a path like /dev/stdout, /dev/fd/3 or a link to one stands for; None for all others.

    It goes on from where the descriptor stands: standard output may be a file that has the program's tables already.

    Raises:
        OSError: the descriptor is not open.
    """
    place = os.path.abspath(path)
    for _ in range(_LINKS):
        place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
        match = re.fullmatch(r"/proc/(\d+)(?:/task/\d+)?/fd/(\d+)", place)
        if match and int(match[1]) == os.getpid():
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    with suppress(OSError, ValueError):  # closed, or nobody reads it: then it has nothing to go first
                        stream.flush()
            return os.fdopen(os.dup(int(match[2])), "wb")
        if not os.path.islink(place):
            return None
        place = os.path.join(os.path.dirname(place), os.readlink(place))
    return None


def open_special(path: Path) -> BinaryIO | None:
    """A pipe or a device, to write into; None where there is nothing, a regular file or a folder.

    Waits until somebody reads the pipe.

    Raises:
        OSError: it cannot be opened, is a socket, or is a disk, which a result must not be written over.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    if stat.S_ISBLK(mode):
        raise PermissionError(errno.EPERM, "it is a disk, not a file", str(path))
    return open(path, "wb")
