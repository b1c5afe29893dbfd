"""Looking for image files in folders, with a record of what is left out: nothing in them is passed over in silence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hashbench.data.image_index import Problem
from hashbench.foreign_text import visible_in_a_line

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
SYSTEM = frozenset(("__MACOSX", "lost+found", "@eaDir", "$RECYCLE.BIN", "System Volume Information"))
"""Folders that operating systems and archives make; left out as hidden ones are."""

_NAMED = 3


class ImageWalk:
    """Goes through folders below one root. Links to files and folders are followed, hidden names are left out.

    Args:
        root: that paths are relative to.

    Attributes:
        problems: folders and files that cannot be looked at.
        outside: images that lie beside the folders asked for.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.outside: list[str] = []
        self._hidden: list[str] = []
        self._circles: list[str] = []
        self._other: Counter[str] = Counter()

    def folders(self, folder: Path) -> list[Path]:
        """The folders directly in `folder`, by name; images beside them are outside of all classes.

        Raises:
            OSError: `folder` itself cannot be read.
        """
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        folders = []
        for entry in self._visible(found):
            if self._is_folder(entry):
                folders.append(folder / entry.name)
            elif self._is_image(entry):
                self.outside.append(self._relative(entry.path))
        return folders

    def images(self, folder: Path) -> list[str]:
        """Paths of all images in `folder` and the folders below it, relative to the root, in their order."""
        found = []
        waiting = [(folder, frozenset[tuple[int, int]]())]
        while waiting:
            current, above = waiting.pop()
            try:
                facts = current.stat()
                with os.scandir(current) as listed:
                    entries = list(listed)
            except OSError as error:
                self._unreadable(current, error)
                continue
            here = (facts.st_dev, facts.st_ino)
            if here in above:
                self._circles.append(self._relative(current))
                continue
            for entry in self._visible(entries):
                if self._is_folder(entry):
                    waiting.append((current / entry.name, above | {here}))
                elif self._is_image(entry):
                    found.append(self._relative(entry.path))
        return sorted(found)

    def notes(self) -> list[str]:
        """What was left out, one line for each reason."""
        notes = []
        for what, names in (
            ("hidden or made by the system", self._hidden),
            ("images outside the folders of the classes", self.outside),
            ("links back to a folder above", self._circles),
        ):
            if names:
                first = ", ".join(visible_in_a_line(name) for name in sorted(names)[:_NAMED])
                notes.append(f"left out: {len(names):,} {what} ({first}{', ...' if len(names) > _NAMED else ''})")
        if self._other:
            ordered = sorted(self._other.items(), key=lambda kind: (-kind[1], kind[0]))
            kinds = ", ".join(f"{count:,} {visible_in_a_line(kind)}" for kind, count in ordered[:_NAMED])
            more = ", ..." if len(self._other) > _NAMED else ""
            notes.append(f"left out: {self._other.total():,} files that are no images by their names ({kinds}{more})")
        return notes

    def _visible(self, entries: list[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in SYSTEM:
                self._hidden.append(self._relative(entry.path))
            else:
                yield entry

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError as error:
            self._unreadable(Path(entry.path), error)
            return False

    def _is_image(self, entry: os.DirEntry[str]) -> bool:
        """By its name; another file is counted."""
        suffix = os.path.splitext(entry.name)[1].lower()
        if suffix in SUFFIXES:
            return True
        self._other[suffix or "without a suffix"] += 1
        return False

    def _unreadable(self, path: Path, error: OSError) -> None:
        name = visible_in_a_line(self._relative(path))
        self.problems.append(
            Problem("unreadable folder", visible_in_a_line(str(self.root)), f"{name} ({error.strerror})")
        )

    def _relative(self, path: str | Path) -> str:
        return Path(path).relative_to(self.root).as_posix()
