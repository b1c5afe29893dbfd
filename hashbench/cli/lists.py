"""Lists on the command line: names and whole numbers with commas between them."""

from __future__ import annotations

from hashbench.errors import UserError, shown

_MOST = 10_000
"""Numbers in one list; more are a slip of the keyboard, and would fill the memory with runs to do."""


def words(text: str, option: str) -> list[str]:
    """`dsh, csq` -> ['dsh', 'csq'], each once.

    Raises:
        UserError: there is none; the message names the option.
    """
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise UserError(f"{option} {shown(text)}: expected names, comma-separated")
    return list(dict.fromkeys(found))


def numbers(text: str, option: str) -> list[int]:
    """`0-2,5` -> [0, 1, 2, 5], each once.

    Raises:
        UserError: something else, a range that runs backwards, or too many; the message names the option.
    """
    found: list[int] = []
    for word in words(text, option):
        first, dash, last = word.partition("-")
        try:
            span = range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            span = []
        if not span:
            raise UserError(f"{option} {shown(text)}: expected whole numbers or ranges, such as 16,32 or 0-4")
        if len(found) + len(span) > _MOST:
            raise UserError(f"{option} {shown(text)}: more than {_MOST:,} numbers; ask for fewer at a time")
        found += span
    return list(dict.fromkeys(found))
