"""Lines of progress and warnings: on standard error, so that standard output holds results alone."""

from __future__ import annotations

import sys

from hashbench.errors import one_line, printable

_WARNING = "warning: "


def say(text: str) -> None:
    """Print one line at once."""
    print(as_line(text), file=sys.stderr, flush=True)


def as_line(text: str) -> str:
    """As a terminal can show it; a warning, which may quote anything, is no longer than an error."""
    return one_line(text) if text.startswith(_WARNING) else printable(text)
