"""The part of a data set that the name of a file or folder stands for: `val`, `train_list`, `TestImages`, `gallery`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

ROLE_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "tr": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "database": "database",
    "db": "database",
    "retrieval": "database",
    "gallery": "database",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "te": "test",
    "query": "test",
    "queries": "test",
}
"""Words for the roles, of files, folders and arrays."""
_ROLES = {**ROLE_NAMES, "base": "database", "probe": "test"}
"""Within the names of arrays, where words stand together as in `XTest`, the last two would be found too often."""
_PATHS = frozenset(("image", "images", "img", "imgs", "path", "paths", "file", "files", "filename", "filenames"))
_LABELS = frozenset(("label", "labels", "target", "targets"))
_FILLERS = frozenset(("set", "split", "list", "lists", "data", "part", "onehot"))
_KNOWN = frozenset((*_ROLES, *_PATHS, *_LABELS, *_FILLERS))


class NameRead(NamedTuple):
    """What a name says: `role`, '' where it names none; whether it is of `labels` or of `paths`, or of neither."""

    role: str
    labels: bool = False
    paths: bool = False


def read_name(name: str) -> NameRead | None:
    """What a name says by the words it is made of, numbers aside; None where it holds another word, or two roles.

    >>> read_name("train_list"), read_name("TestLabels"), read_name("trainstation")
    (NameRead(role='train', labels=False, paths=False), NameRead(role='test', labels=True, paths=False), None)
    """
    words: list[str] = []
    for letters in re.findall(r"[^\W\d_]+", name.lower()):
        split = _words(letters)
        if split is None:
            return None
        words += split
    roles = {_ROLES[word] for word in words if word in _ROLES}
    if not words or len(roles) > 1:
        return None
    labels = not _LABELS.isdisjoint(words)
    return NameRead(next(iter(roles), ""), labels, paths=not (labels or _PATHS.isdisjoint(words)))


def role_of(name: str) -> str:
    """The role that a name stands for by itself, such as `val`; '' where it has none, or more words than that."""
    return _ROLES.get(name.lower(), "")


@lru_cache
def _words(letters: str) -> tuple[str, ...] | None:
    """Letters as known words one after the other, the longest first word that works; None where they are none."""
    if not letters:
        return ()
    for end in range(len(letters), 0, -1):
        if letters[:end] in _KNOWN:
            rest = _words(letters[end:])
            if rest is not None:
                return (letters[:end], *rest)
    return None
