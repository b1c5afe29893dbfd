"""The files of an image list line by line: `path label ...`, or paths in one file and labels in another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from hashbench.data.image_index import Problem
from hashbench.errors import UserError
from hashbench.paths import brief
from hashbench.text_file import read_text

_INTEGER = re.compile(r"-?[0-9]{1,40}")
_QUOTED = re.compile(r"""(["'])(.*?)\1(?=[ \t]|$)(.*)""")
_BLANK = " \t"
_WORD = 40
"""Characters of a word of a list that a message shows."""


class ListFile(NamedTuple):
    """One list: a file of lines `path label ...`, or one of paths, with the labels line by line in another."""

    paths: Path
    labels: Path | None = None

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.paths.name if self.labels is None else f"{self.paths.name} and {self.labels.name}"


class ListLine(NamedTuple):
    """One image of a list: where that is said, its path in its one spelling (`a.jpg` for `./a.jpg`), its labels."""

    place: str
    path: str
    labels: list[int]


def read_lines(file: ListFile, prefix: str = "") -> Iterator[ListLine | Problem]:
    """The images of a list, or what makes a line useless by itself; empty lines are passed over.

    Args:
        prefix: dropped from the start of every path.

    Raises:
        UserError: a file cannot be read, or is no text in UTF-8; the files of paths and of labels differ in length.
    """
    for number, path, words in _divided(file):
        place = f"{brief(file.paths.name, _WORD)} line {number}"
        if path is None:
            if words:
                yield Problem("labels without a path", place, "the line of paths is empty")
            continue
        path = str(PurePosixPath(path.removeprefix(prefix)))
        labels = [_label(word) for word in words]
        if None in labels:
            word = words[labels.index(None)]
            advice = "only digits; a path with spaces in quotes" if file.labels is None else "only digits"
            yield Problem("label that is not a whole number", place, f"{brief(word, _WORD)!r} ({advice})")
        elif not labels:
            yield Problem("line without labels", place, path)
        elif path.startswith("/") or ".." in path.split("/"):
            what = f"{brief(path, _WORD)} (prefix=TEXT drops the start of all paths)"
            yield Problem("path outside the folder of the images", place, what)
        else:
            yield ListLine(place, path, [label for label in labels if label is not None])


def _divided(file: ListFile) -> Iterator[tuple[int, str | None, Sequence[str]]]:
    """Number of each line, its path (None on an empty line) and the words of its labels."""
    lines = _lines(file.paths)
    if file.labels is None:
        yield from ((number, *_path_and_words(line)) for number, line in enumerate(lines, start=1))
        return
    labels = _lines(file.labels)
    if len(lines) != len(labels):
        raise UserError(
            f"image list {file.title} in {brief(file.paths.parent)}: {len(lines)} lines of paths, {len(labels)} of "
            "labels; give as many, in one order"
        )
    for number, (line, words) in enumerate(zip(lines, labels, strict=True), start=1):
        path, rest = _path_and_words(line) if _QUOTED.fullmatch(line) else (line or None, ())
        yield number, path, [*rest, *words.split()]


def _path_and_words(line: str) -> tuple[str | None, Sequence[str]]:
    """A path, which may stand in quotes, and the words after it."""
    quoted = _QUOTED.fullmatch(line)
    if quoted:
        return quoted[2], quoted[3].split()
    words = re.split(f"[{_BLANK}]+", line)
    return words[0] or None, words[1:]


def _lines(file: Path) -> list[str]:
    """Lines without the blanks around them; empty ones at the end are none."""
    text = read_text(file, label=f"image list {brief(file)}", advice="give a text file in UTF-8")
    return [line.strip(_BLANK) for line in text.rstrip("\n \t").split("\n")]


def _label(word: str) -> int | None:
    """A label as it is usually written; None for what `int` takes besides: `1_2`, `+1`, digits of other scripts."""
    return int(word) if _INTEGER.fullmatch(word) else None
