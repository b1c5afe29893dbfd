"""Paths that people name: what cannot be there is not there, what may not be looked at is refused in one line."""

from __future__ import annotations

import os

import pytest

from hashbench.errors import UserError
from hashbench.paths import LONGEST, brief, exists, expanded, is_dir, is_file, real, why_no_file


def circle(folder):
    (folder / "circle").symlink_to("circle")
    return folder / "circle"


IMPOSSIBLE = {
    "nothing": lambda folder: folder / "none",
    "a name too long": lambda folder: folder / ("x" * 300),
    "a path too long": lambda folder: folder / ("x" * 5000),
    "a file on the way": lambda folder: folder / "file" / "below",
    "a null character": lambda folder: folder / "a\0b",
    "half a character": lambda folder: folder / "\ud800",
    "a circle of links": circle,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_what_cannot_be_there_is_not_there(folder, kind):
    path = IMPOSSIBLE[kind](folder)
    assert [ask(path) for ask in (is_file, is_dir, exists)] == [False] * 3
    assert 0 < len(why_no_file(path)) < 80


def test_what_is_there(folder):
    (folder / "link").symlink_to("file")
    for path, answers in ((folder, [False, True, True]), (folder / "link", [True, False, True])):
        assert [ask(path) for ask in (is_file, is_dir, exists)] == answers
    assert (why_no_file(folder), why_no_file(folder / "link")) == ("a folder", "")


def test_what_may_not_be_looked_at_is_refused(folder, monkeypatch):
    def refuse(self, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(folder), "stat", refuse)
    for ask in (is_file, is_dir, exists):
        with pytest.raises(
            UserError, match=r"file: cannot be looked at \(Permission denied\); correct the path or its"
        ):
            ask(folder / "file")
    assert why_no_file(folder / "file") == "Permission denied"


def test_home_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/a") == tmp_path / "a"
    with pytest.raises(UserError, match=r"~nobody-of-this-name/a: there is no such home folder; give a full path"):
        expanded("~nobody-of-this-name/a")


def test_a_circle_of_links_has_a_full_path(folder):
    assert real(circle(folder)).parent == real(folder)


def test_names_are_shown_in_one_short_line():
    assert brief(os.fsdecode(b"gr\xfcn\n\x1b[2J\ttab")) == r"gr\udcfcn\u000a\u001b[2J\u0009tab"
    assert brief("grün \U0001f600") == "grün \U0001f600"
    assert brief("\ud800").isascii()
    assert brief("a/b") == "a/b"
    assert len(brief("x" * 5000)) <= LONGEST
    assert brief("a" * 200 + "b" * 200).startswith("aaa")
    assert brief("a" * 200 + "b" * 200).endswith("bbb")
