"""Labels in the two forms that relevance is decided on: class ids, or words of bits, one bit a class.

Two items are relevant to each other if their ids are equal, or if the AND of their words is non-zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hashbench.evaluation.codes import as_numpy
from hashbench.evaluation.errors import EvaluationInputError


@dataclass(frozen=True)
class Labels:
    """Labels of N items.

    Attributes:
        values: `(N,)` int64 class ids if `classes` is None, else `(N, ceil(C / 64))` uint64 words.
        classes: C, the number of columns of the multi-hot matrix, or None for class ids.
    """

    values: np.ndarray
    classes: int | None

    def __len__(self) -> int:
        return len(self.values)

    def check_same_form(self, other: Labels) -> None:
        """Raise unless both are ids, or both multi-hot with the same number of classes."""
        if self.classes == other.classes:
            return
        forms = [
            "class ids" if labels.classes is None else f"multi-hot with {labels.classes} classes"
            for labels in (self, other)
        ]
        raise EvaluationInputError(f"query labels are {forms[0]}, database labels {forms[1]}: give both in one form")


def parse_labels(labels: Any, items: int, name: str) -> Labels:
    """Check labels and bring them into the form that the kernels read.

    Args:
        labels: `(N,)` integer class ids, or `(N, C)` multi-hot of any numeric type.
        items: how many codes there are; N must equal it.
        name: what to call the array in an error.

    Raises:
        EvaluationInputError: missing, another length, negative or non-integer ids, values other than 0 and 1.
    """
    if labels is None:
        raise EvaluationInputError(f"{name} are missing: give (N,) class ids or (N, C) multi-hot")
    labels = as_numpy(labels)
    if labels.ndim not in (1, 2) or labels.dtype.kind not in "biuf":
        raise EvaluationInputError(
            f"{name} are {labels.dtype} of shape {labels.shape}: give (N,) class ids or (N, C) multi-hot"
        )
    if len(labels) != items:
        raise EvaluationInputError(f"{name} are {len(labels)}, their codes {items}: give one label for each code")
    return Labels(_class_ids(labels, name), None) if labels.ndim == 1 else _label_words(labels, name)


def _class_ids(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.dtype.kind == "f":
        raise EvaluationInputError(f"{name} are {labels.dtype}: class ids are integers, or give (N, C) multi-hot")
    if labels.size and labels.min() < 0:
        raise EvaluationInputError(f"{name} hold the negative id {labels.min()}: class ids start at 0")
    return np.ascontiguousarray(labels, dtype=np.int64)


def _label_words(labels: np.ndarray, name: str) -> Labels:
    bits = labels == 1
    if labels.dtype != bool and not (bits | (labels == 0)).all():
        odd = labels[~bits & (labels != 0)][0]
        raise EvaluationInputError(f"{name} hold the value {odd}: a multi-hot matrix is 0 or 1")
    classes = labels.shape[1]
    words = np.zeros((len(labels), max(1, -(-classes // 64)) * 8), dtype=np.uint8)
    words[:, : -(-classes // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return Labels(words.view("<u8").astype(np.uint64, copy=False), classes)
