"""Text files of any editor are read, and what is no text is refused with the line."""

from __future__ import annotations

import codecs

import pytest

from hashbench.errors import UserError
from hashbench.text_file import read_text

TEXT = "grün 1\nrot 2\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
    ],
)
def test_marks_and_line_ends_are_no_text(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    assert read_text(tmp_path / "list.txt", advice="save it again") == TEXT


def test_another_encoding_is_refused_with_the_line(tmp_path):
    (tmp_path / "list.txt").write_bytes("rot 2\ngrün 1\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"list.txt: cannot be read \(no utf-8: byte 0xfc in line 2\); save it again"):
        read_text(tmp_path / "list.txt", advice="save it again")


@pytest.mark.parametrize("name", ["none.txt", ".", "x" * 300, "a\0b"])
def test_what_cannot_be_opened_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"^the list: cannot be read \(.*\); save it again$"):
        read_text(tmp_path / name, label="the list", advice="save it again")
