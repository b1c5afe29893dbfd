"""Whether the files of a data set are still those that were read: their names, sizes and times, not their content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def signature(root: Path | None) -> str:
    """Equal for equal files: a short text of a file, or of all files below a folder, links followed; "" without a root.

    It is for a table that one process keeps between two runs. What is written down is a checksum of the content.
    """
    if root is None:
        return ""
    digest = hashlib.sha256()
    for path in [root] if root.is_file() else _files(root):
        try:
            facts = path.stat()
        except OSError:  # whoever reads the data says what is wrong with them
            continue
        digest.update(
            f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ino}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


def _files(root: Path) -> list[Path]:
    """All files below a folder, in an order that does not depend on the file system; each folder once."""
    seen: set[tuple[int, int]] = set()
    found: list[Path] = []
    for parent, folders, files in os.walk(root, followlinks=True):
        facts = os.stat(parent)
        if (facts.st_dev, facts.st_ino) in seen:
            folders.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        folders.sort()
        found += [Path(parent, name) for name in sorted(files)]
    return found
