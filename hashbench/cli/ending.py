"""How the program ends by an error: one line and an exit code. A traceback is for bugs."""

from __future__ import annotations

import errno
import re

from hashbench.cli.say import say
from hashbench.errors import Interrupted, RunFailedError, UserError, was_interrupted

INTERRUPTED = 130

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_NO_MEMORY = re.compile(
    r"(cannot|can't) allocate memory|failed to map segment|out of memory|bad_alloc|can't start new thread", re.I
)


def end(error: BaseException) -> int:
    """Say why the program ends, in one line.

    Returns:
        The exit code: 2 the request was wrong, 1 it failed, 130 interrupted.

    Raises:
        BaseException: the error itself, which is a bug or an exit.
    """
    found = _ending(error)
    if found is None:
        raise error
    line, code = found
    fail(line)
    return code


def fail(message: str) -> None:
    """Print the error as one line."""
    say("error: " + " ".join(message.split()))


def _ending(error: BaseException) -> tuple[str, int] | None:
    if isinstance(error, Interrupted):
        return str(error), INTERRUPTED
    if was_interrupted(error):
        return "interrupted", INTERRUPTED
    if isinstance(error, UserError):
        return str(error), 2
    if isinstance(error, RunFailedError):
        return str(error), 1
    if _is_lack_of_memory(error):
        reason = (str(error).splitlines() or [""])[0][:150] or "an allocation failed"
        return f"not enough memory, or threads, for this process: {reason}; free some, or raise its limits (ulimit)", 1
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"writing {error.filename or 'the output'} failed: {error.strerror}; free space, or use another disk", 1
    return None


def _is_lack_of_memory(error: BaseException) -> bool:
    """Libraries say it in many ways, also when they are imported."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, ImportError | OSError | RuntimeError | SystemError) and bool(_NO_MEMORY.search(str(error)))
