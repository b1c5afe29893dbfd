"""What the names of arrays say: features or labels, of all rows or of a part."""

from __future__ import annotations

import re

FEATURE_NAMES = ("features", "feature", "feats", "feat", "fea", "x", "data", "inputs", "input", "embeddings")
LABEL_NAMES = ("labels", "label", "y", "targets", "target", "gnd", "gt", "groundtruth", "tags", "classes")
PART_FEATURE_NAMES = (*FEATURE_NAMES, "i", "img", "imgs", "image", "images", "f", "v", "vectors")
PART_LABEL_NAMES = (*LABEL_NAMES, "l", "lab", "lbl", "class", "cls", "ids")
"""Beside the name of a role shorter names are clear: `I_tr` and `L_tr`."""
ROLE_NAMES = {
    "train": "train",
    "tr": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "database": "database",
    "db": "database",
    "retrieval": "database",
    "test": "test",
    "te": "test",
    "query": "test",
}
"""Of folders, lists and arrays."""
ARRAY_ROLES = {
    **ROLE_NAMES,
    "training": "train",
    "trn": "train",
    "dev": "validation",
    "gallery": "database",
    "testing": "test",
    "tst": "test",
    "queries": "test",
}
"""Of arrays, whose names say too what they hold."""
ROLES = tuple(dict.fromkeys(ARRAY_ROLES.values()))
INDEX_WORDS = ("", "ind", "inds", "idx", "index", "indices", "rows", "mask")
SPLIT_NAMES = ("split", "splits", "set", "subset", "part", "partition", "role", "roles")


def last_word(name: str) -> str:
    """'data.XTest' -> 'xtest'."""
    return name.rpartition(".")[2].lower()


def role_and_rest(name: str) -> tuple[str | None, str]:
    """'split.ind_train' -> ('train', 'ind'), 'XTest' -> ('test', 'x'), 'data' -> (None, 'data')."""
    word = last_word(name)
    for part in sorted(ARRAY_ROLES, key=len, reverse=True):
        for rest in (word.removeprefix(part), word.removesuffix(part)):
            if rest != word:
                return ARRAY_ROLES[part], bare(rest)
    return None, bare(word)


def bare(word: str) -> str:
    """Letters and digits only: 'X_' -> 'x'."""
    return re.sub(r"[^a-z0-9]", "", word.lower())
