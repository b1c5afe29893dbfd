"""The three ways in which a request ends early: it was wrong, it failed, it was interrupted.

A traceback is for bugs; the messages of these are for people.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """The request was wrong. The message is one line: what, where, what to do. Exit code 2."""


class RunFailedError(RuntimeError):
    """A run that was asked for correctly did not finish. One line. Exit code 1."""


class Interrupted(BaseException):
    """Ctrl-C during a run; the message says what is saved and how to go on. Exit code 130."""


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: libraries that catch everything tell of it in errors of their own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt | Interrupted):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known names as a sentence that fits at the end of an error message.

    >>> did_you_mean("dualhash_stm", ["dualhash_stom", "dsh"])
    'Did you mean dualhash_stom? Known: dsh, dualhash_stom.'
    """
    choices = sorted(set(known))
    near = difflib.get_close_matches(name, choices, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known: {', '.join(choices) or 'none'}."
