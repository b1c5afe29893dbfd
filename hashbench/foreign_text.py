"""Text that others wrote, such as names in a result.json or of a file, where it is shown: it says what it is, it does
nothing.

Each place of output has its own ways to be misled: a terminal obeys control characters, a spreadsheet computes what
begins with `=`, Markdown takes HTML for HTML. Each has one function here, and one line of code that calls it.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

ESCAPED = "hashbench.escaped"
"""Name of the way in which characters that an encoding lacks are written: `\\u00e9`, as JSON and Python read it."""

_UNUSUAL = re.compile("[^\\t\\n\x20-\x7e]")
_MARKDOWN = re.compile(r"[\\|<&`]|\](?=[(\[:])")
_MARKDOWN_WORDS = {"<": "&lt;", "&": "&amp;"}
_FORMULA = ("=", "+", "-", "@")


def visible(text: str) -> str:
    """For a terminal, a log or a page: what would not be seen is written as `\\u001b`.

    That is what a terminal obeys instead of showing it (C0 and C1 but for tab and newline), what turns the direction of
    text or ends a line unseen, halves of characters, which stand for bytes of a file name that are no UTF-8, and all
    else that Unicode does not print.

    >>> visible("\\x1b[2J")
    '\\\\u001b[2J'
    """
    return text if text.isprintable() else _UNUSUAL.sub(lambda found: _seen(found[0]), text)


def visible_in_a_line(text: str) -> str:
    """`visible`, tabs and newlines too: for what has to stay one cell or one line.

    >>> visible_in_a_line("a\\nb")
    'a\\\\u000ab'
    """
    return re.sub("[\t\n]", lambda found: _escaped(found[0]), visible(text))


def csv_cell(value: object) -> object:
    """A cell of a CSV file. Text that a spreadsheet would take for a formula gets a `'` in front; numbers stay.

    >>> csv_cell("=1+1"), csv_cell("-1.5"), csv_cell(-1.5), csv_cell("dsh")
    ("'=1+1", '-1.5', -1.5, 'dsh')
    """
    if not isinstance(value, str):
        return value
    text = visible_in_a_line(value)
    return f"'{text}" if text.lstrip(" '\"").startswith(_FORMULA) and not _is_number(text) else text


def markdown(text: str) -> str:
    """Plain text within Markdown, also within a table: no HTML, no link, no image, no code, no further cell.

    >>> markdown("<b>a|b</b>")
    '&lt;b>a\\\\|b&lt;/b>'
    """
    escape = _MARKDOWN_WORDS.get
    return _MARKDOWN.sub(lambda found: escape(found[0], f"\\{found[0]}"), visible_in_a_line(text))


def encodable(text: str, encoding: str | None) -> str:
    """The text as an output of that encoding can show it; None: all characters."""
    return text if encoding is None else text.encode(encoding, ESCAPED).decode(encoding)


def _seen(character: str) -> str:
    """A character, or its escape; spaces of every width stay."""
    seen = character.isprintable() or unicodedata.category(character) == "Zs"
    return character if seen else _escaped(character)


def _escaped(text: str) -> str:
    """Every character as `\\uXXXX`; beyond 16 bits as the two of UTF-16."""
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _escape_error(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _escaped(error.object[error.start : error.end]), error.end


codecs.register_error(ESCAPED, _escape_error)
