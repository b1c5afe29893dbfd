"""What the names of arrays say: features or labels, of all rows or of a part."""

from __future__ import annotations

import re

from hashbench.data.role_names import ROLE_NAMES

FEATURE_NAMES = ("features", "feature", "feats", "feat", "fea", "x", "data", "inputs", "input", "embeddings")
LABEL_NAMES = ("labels", "label", "y", "targets", "target", "gnd", "gt", "groundtruth", "tags", "classes")
PART_FEATURE_NAMES = (*FEATURE_NAMES, "i", "img", "imgs", "image", "images", "f", "v", "vectors")
PART_LABEL_NAMES = (*LABEL_NAMES, "l", "lab", "lbl", "class", "cls", "ids")
"""Beside the name of a role shorter names are clear: `I_tr` and `L_tr`."""
ROLES = tuple(dict.fromkeys(ROLE_NAMES.values()))
INDEX_WORDS = ("", "ind", "inds", "idx", "index", "indices", "rows", "mask")
SPLIT_NAMES = ("split", "splits", "set", "subset", "part", "partition", "role", "roles")


def last_word(name: str) -> str:
    """'data.XTest' -> 'xtest'."""
    return name.rpartition(".")[2].lower()


def role_and_rest(name: str) -> tuple[str | None, str]:
    """'split.ind_train' -> ('train', 'ind'), 'XTest' -> ('test', 'x'), 'data' -> (None, 'data')."""
    word = last_word(name)
    for part in sorted(ROLE_NAMES, key=len, reverse=True):
        for rest in (word.removeprefix(part), word.removesuffix(part)):
            if rest != word:
                return ROLE_NAMES[part], bare(rest)
    return None, bare(word)


def bare(word: str) -> str:
    """Letters and digits only: 'X_' -> 'x'."""
    return re.sub(r"[^a-z0-9]", "", word.lower())
