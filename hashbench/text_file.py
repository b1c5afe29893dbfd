"""Text files that anyone may have written: with or without the mark that editors put before the first letter."""

from __future__ import annotations

import codecs
from pathlib import Path

from hashbench.errors import UserError
from hashbench.paths import brief

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_text(path: Path, *, advice: str, label: str = "") -> str:
    r"""The text of a file in UTF-8, or in UTF-16 with its mark; line ends become `\n`.

    Args:
        advice: what to do if it cannot be read; the end of the message.
        label: what messages call the file; its path where empty.

    Raises:
        UserError: it cannot be read, or is in another encoding; the first wrong byte is named with its line.
    """
    label = label or brief(path)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{label}: cannot be read ({reason}); {advice}") from error
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    try:
        text = content.removeprefix(mark).decode(_MARKS.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        place = f"byte 0x{error.object[error.start]:02x} in line {line}"
        raise UserError(f"{label}: cannot be read (no {error.encoding}: {place}); {advice}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
