"""Why a task has no result, in one line; and whether a full disk is to blame, which spoils every further task too."""

from __future__ import annotations

import errno

from hashbench.engine.crash import in_a_line
from hashbench.errors import RunFailedError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def reason(error: BaseException) -> str:
    """An error in one line; of an unexpected one also its kind."""
    return (str(error).splitlines() or [""])[0] if isinstance(error, RunFailedError) else in_a_line(error)


def no_room(error: BaseException | None) -> bool:
    """Whether an error comes from a disk that is full, or a quota or a limit on files that is reached."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return True
        error = error.__cause__
    return False
