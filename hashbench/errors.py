"""The three ways in which a request ends early (it was wrong, it failed, it was interrupted), and how that is said.

A traceback is for bugs; the messages of these are for people: one line, of which a terminal shows all.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

from hashbench.foreign_text import visible_in_a_line

LONGEST = 300
"""Characters of the longest line that says what is wrong."""

_QUOTED = 80
_LISTED = 120
"""Characters of a quoted value, and of a list of names; what is longer is cut."""
_COMPARED = 100
"""Characters of a name for which near ones are looked for; no name is as long."""


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


def did_you_mean(name: str, known: Iterable[str], listed_by: str = "") -> str:
    """The nearest known names as a sentence that fits at the end of an error message.

    Args:
        name: what was asked for.
        known: what there is; of many, the first ones are named.
        listed_by: the command that lists all of them.

    >>> did_you_mean("dualhash_stm", ["dualhash_stom", "dsh"])
    'Did you mean dualhash_stom? Known: dsh, dualhash_stom.'
    """
    choices = sorted(set(known))
    near = difflib.get_close_matches(name[:_COMPARED], choices, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known: {listed(choices, listed_by) or 'none'}."


def listed(names: Iterable[str], listed_by: str = "") -> str:
    """Names with commas between them, as many as fit into a message, and how many there are.

    Args:
        listed_by: the command that lists all of them.

    >>> listed(["dsh", "dhn"])
    'dsh, dhn'
    """
    every = list(names)
    if len(", ".join(every)) <= _LISTED:
        return ", ".join(every)
    fitting, length = 0, 0
    while (length := length + len(every[fitting]) + 2) <= _LISTED:
        fitting += 1
    all_of_them = f"all {len(every)}: {listed_by}" if listed_by else f"{len(every)} in all"
    first = every[:fitting] or [cut(every[0], _LISTED)]
    return f"{', '.join(first)}, ... ({all_of_them})"


def shown(value: object, longest: int = _QUOTED) -> str:
    r"""A value of the user's, quoted on one line: control characters escaped, the middle of a long one left out.

    >>> shown("two\nlines")
    "'two\\nlines'"
    """
    return cut(_short_repr(value), longest)


def cut(text: str, longest: int) -> str:
    """A text without its middle if it is longer than that.

    >>> cut("abcdefghijklmnop", 11)
    'abcd...mnop'
    """
    if len(text) <= longest:
        return text
    kept = longest - 3
    return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"


def one_line(message: str, longest: int = LONGEST) -> str:
    r"""A message as a terminal can show it: one line, no control characters, its middle left out where it is too long.

    Words that are too long by themselves (a path, a value) are cut before the sentence is.

    >>> one_line("what\nis\x1b[31m wrong")
    'what is\\u001b[31m wrong'
    """
    text = visible_in_a_line(" ".join(message.split()))
    for word_length in (120, 80, 60, 40):
        if len(text) <= longest:
            return text
        text = " ".join(cut(word, word_length) for word in text.split(" "))
    return cut(text, longest)


_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxstring, _repr.maxother = 4, 200, 200
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = 20


def _short_repr(value: object) -> str:
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST else repr(cut(value, LONGEST))
    try:
        return _repr.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return f"a number of more than {LONGEST} digits"
