"""What is settled where hashbench is a program of its own: its outputs, and Ctrl-C from first to last."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import warnings
from typing import Any

from hashbench.cli.memory_limit import try_torch_first
from hashbench.cli.say import open_closed_outputs, say
from hashbench.process import end_with_parent

_AGAIN = 0.05
"""Seconds after which an interruption that a library lost is tried again."""


def as_program() -> None:
    """Settle it once; the process keeps it to its end."""
    if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's: before imports that take seconds
        end_with_parent()
    open_closed_outputs()
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")  # what libraries print never fails by its characters
    warnings.showwarning = _show_warning
    logging.lastResort = _Warnings(logging.WARNING)
    try_torch_first()
    sys.unraisablehook = _not_raised


class _Warnings(logging.Handler):
    """Warnings of hashbench and of libraries that nobody else handles, as lines of standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        say(self.format(record))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Python's warnings, which may name files."""
    say(warnings.formatwarning(message, category, filename, lineno).rstrip())


def _not_raised(lost: Any) -> None:
    """Ctrl-C that came while C called Python, as LLVM does in numba's compiler, cannot be raised there: once more."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(_AGAIN, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    again.daemon = True
    again.start()


def ignore_ctrl_c() -> None:
    """The exit code stands: nothing is left to interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Python notes an interruption within any exec of a text, and would end by that signal. The next exec forgets it.
    exec("")
