"""What is said of an error that nobody foresaw, most often in the code of a plugin: one line, and where to read on."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path

from hashbench.errors import Interrupted, RunFailedError


def crashed(method: type, error: BaseException, log: Path) -> RunFailedError:
    """The failure of a run, with the line of the method's own file at which it happened, if it did.

    Args:
        method: class of the method that was trained or fitted.
        error: what was raised.
        log: where the run's log keeps the traceback.
    """
    place = place_in(sys.modules[method.__module__].__file__, error)
    return RunFailedError(f"{in_a_line(error)} ({place}traceback in {log})")


def ends_the_program(error: BaseException) -> bool:
    """Whether an exception is no fault of the code that it came from, and must be let through.

    That is Ctrl-C, and what the handler of a signal raises wherever it happens to interrupt: a cluster ends its tasks
    so. A `SystemExit` of a method's own is a fault like any other.
    """
    if isinstance(error, Exception):
        return False
    if type(error) in (KeyboardInterrupt, Interrupted, GeneratorExit):
        return True
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {getattr(getattr(handler, "__func__", handler), "__code__", None) for handler in handlers} - {None}
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))


def in_a_line(error: BaseException) -> str:
    """Kind and first line of an error.

    >>> in_a_line(ValueError("no\\nway"))
    'ValueError: no'
    """
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def place_in(file: str | None, error: BaseException) -> str:
    """`FILE, line N; ` of the innermost frame in a file; nothing where the error did not pass through it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{Path(file).name}, line {lines[-1]}; " if file and lines else ""
