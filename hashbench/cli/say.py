"""All that the program prints: results on standard output, progress and errors on standard error.

What is printed is text, whoever wrote its parts: control characters are shown, not obeyed. An output that takes no more
stops no work. A reader that has left (`| head -1`) or an output that was closed is no fault; a full disk is one, which
`failure` tells at the end.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Literal, TextIO

from hashbench.errors import LONGEST, one_line
from hashbench.foreign_text import encodable, visible

Name = Literal["stdout", "stderr"]

_failures: dict[str, Exception] = {}


def put(text: str = "") -> None:
    """Print a line of results, or a JSON text, on standard output. Within JSON, what is escaped stays what it is."""
    write("stdout", visible(f"{text}\n"))


def say(text: str) -> None:
    """Print a line of progress on standard error, at once."""
    write("stderr", f"{as_line(text)}\n")


def as_line(text: str) -> str:
    """As a terminal can show it. A message, and what is too long for one, is cut to the length of one."""
    return one_line(text) if text.startswith(("warning: ", "error: ")) or len(text) > LONGEST else visible(text)


def write(name: Name, text: str) -> None:
    """Write to one of the two, whatever its encoding; never raises what the output raises."""
    stream: TextIO | None = getattr(sys, name)
    if stream is None:  # it was closed before the program began
        return
    try:
        stream.write(encodable(text, stream.encoding))
        stream.flush()
    except (OSError, ValueError) as error:  # the second: it was closed since
        _give_up(name, error)


def failure() -> str | None:
    """Write out what waits for standard output; why not all of it has arrived, None where that is no fault."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        _give_up("stdout", error)
    reason = _failures.pop("stdout", None)
    if not isinstance(reason, OSError) or isinstance(reason, BrokenPipeError):
        return None
    return f"standard output takes no more: {reason.strerror or reason}"


def open_closed_outputs() -> None:
    """In the place of a standard stream that was closed from the beginning, the next file would get what is printed."""
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.dup(null)
    os.close(null)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


class Output(io.TextIOBase):
    """One of the two as a file, for libraries that draw: `write` above, with the control characters that they send."""

    def __init__(self, name: Name) -> None:
        self._name: Name = name

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """By which rich chooses the lines of its tables."""
        return getattr(getattr(sys, self._name), "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """See the function of this name."""
        write(self._name, text)
        return len(text)

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        stream = getattr(sys, self._name)
        return stream is not None and not stream.closed and stream.isatty()

    def fileno(self) -> int:
        """Its number."""
        number: int = getattr(sys, self._name).fileno()
        return number


def _give_up(name: Name, error: Exception) -> None:
    """From now on, nothing that is written there can fail, and nothing that waits in a buffer either."""
    _failures[name] = error
    stream = getattr(sys, name)
    with suppress(OSError, ValueError, AttributeError):  # no file behind it
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we run
