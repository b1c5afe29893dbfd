"""Labels in the two forms that relevance is decided on: class ids, or words of bits, one bit a class.

Two items are relevant to each other if their ids are equal, or if the AND of their words is non-zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.numbers import as_numpy


@dataclass(frozen=True)
class Labels:
    """Labels of N items.

    Attributes:
        values: `(N,)` int64 class ids, at least 0, if `classes` is None, else `(N, ceil(C / 64))` uint64 words.
        classes: C, the number of columns of the multi-hot matrix, or None for class ids.
        names: of queries labelled by words, the different words in order: id i is the i-th, and len(names) any other.
        signs: whether the ids were -1 and +1, of which -1 became 0.
    """

    values: np.ndarray
    classes: int | None
    names: np.ndarray | None = None
    signs: bool = False

    def __len__(self) -> int:
        return len(self.values)

    @property
    def form(self) -> str:
        """In words."""
        if self.classes is not None:
            return f"multi-hot with {self.classes} classes"
        return "class ids" if self.names is None else "words"

    def same_as(self, other: Labels) -> bool:
        """Whether both label the same items alike."""
        mine, others = (np.zeros(0) if labels.names is None else labels.names for labels in (self, other))
        same = self.classes == other.classes and np.array_equal(mine, others)
        return same and np.array_equal(self.values, other.values)

    def some(self) -> np.ndarray:
        """`(N,)` bool: whether an item has any label, so that it is relevant to itself."""
        some: np.ndarray = (
            (self.values != 0).any(axis=1) if self.classes is not None else np.ones(len(self), dtype=bool)
        )
        return some


def by_item(labels: Any, items: int, name: str) -> Any:
    """Labels of so many items, not read yet, so that `labels[start:stop]` are those of some: a row `(1, N)` upright.

    Raises:
        EvaluationInputError: they are missing or of another length.
    """
    shape = getattr(labels, "shape", None)
    if shape is None and labels is not None:
        labels = as_numpy(labels)
        shape = labels.shape
    if shape is not None and len(shape) == 2 and tuple(shape) == (1, items):
        labels = labels.reshape(-1)
    if labels is None or not labels.shape or len(labels) != items:
        parse_labels(labels, items, name)
    return labels


def parse_labels(labels: Any, items: int, name: str, queries: Labels | None = None) -> Labels:
    """Check labels and bring them into the form that the kernels read.

    Args:
        labels: class ids, `(N,)`, `(N, 1)` or `(1, N)`: whole numbers from 0, the two ids -1 and +1, or words; or
            `(N, C)` multi-hot, 0/1 or -1/+1, of any numeric type. One column is ids, not a class.
        items: how many codes there are; N must equal it.
        name: what to call the array in an error.
        queries: the labels of the queries, for those of a database, which must be of the same form.

    Raises:
        EvaluationInputError: missing, another length, ids that are negative or not whole, values of a matrix other than
            0 and 1 or -1 and 1, another form than the queries'.
    """
    if labels is None:
        raise EvaluationInputError(f"{name} are missing: give (N,) class ids or (N, C) multi-hot")
    labels = as_numpy(labels)
    if labels.ndim not in (1, 2) or labels.dtype.kind not in "biufUS" or (labels.ndim == 2 and not labels.shape[1]):
        raise EvaluationInputError(
            f"{name} are {labels.dtype} of shape {labels.shape}: give (N,) class ids or (N, C) multi-hot"
        )
    if labels.ndim == 2 and (labels.shape[1] == 1 or (labels.shape[0] == 1 and items == labels.shape[1])):
        labels = labels.reshape(-1)
    if len(labels) != items:
        raise EvaluationInputError(f"{name} are {len(labels)}, their codes {items}: give one label for each code")
    if labels.ndim == 2:
        parsed = _label_words(labels, name)
    elif labels.dtype.kind in "US":
        parsed = _named(labels, name, queries)
    else:
        parsed = _numbered(labels, name)
    if queries is not None:
        _check_same_form(queries, parsed, name)
    return parsed


def _check_same_form(queries: Labels, items: Labels, name: str) -> None:
    if (queries.classes, queries.names is None) != (items.classes, items.names is None):
        raise EvaluationInputError(f"query labels are {queries.form}, {name} {items.form}: give both in one form")
    if items.signs and not queries.signs and (queries.values != 1).any():
        raise EvaluationInputError(f"{name} hold the negative id -1: class ids start at 0, or are -1 and +1 alone")
    if queries.signs and not items.signs and (items.values != 1).any():
        raise EvaluationInputError(f"query labels are -1 and +1, {name} hold others: give both in one form")


def _named(labels: np.ndarray, name: str, queries: Labels | None) -> Labels:
    """Ids of words, by the words of the queries: what no query has need not be told apart."""
    words = np.char.strip(_decoded(labels, name))
    if queries is None or queries.names is None:
        names, ids = np.unique(words, return_inverse=True)
        return Labels(ids.reshape(-1).astype(np.int64), None, names)
    places = np.searchsorted(queries.names, words)
    known = queries.names[np.minimum(places, len(queries.names) - 1)] == words
    return Labels(np.where(known, places, len(queries.names)).astype(np.int64), None, queries.names)


def _decoded(labels: np.ndarray, name: str) -> np.ndarray:
    if labels.dtype.kind == "U":
        return labels
    try:
        return np.char.decode(labels, "utf-8")
    except UnicodeDecodeError as error:
        raise EvaluationInputError(f"{name} are bytes that are no UTF-8 text: give strings or numbers") from error


def _numbered(labels: np.ndarray, name: str) -> Labels:
    if labels.dtype.kind == "f":
        exact = 2.0 ** min(np.finfo(labels.dtype).nmant + 1, 53)
        bad = labels[~(np.isfinite(labels) & (labels == np.rint(labels)))]
        if bad.size:
            raise EvaluationInputError(f"{name} hold {bad[0]}: class ids are whole numbers, or give (N, C) multi-hot")
        if (abs(labels) >= exact).any():
            raise EvaluationInputError(
                f"{name} hold {labels[abs(labels) >= exact][0]} as {labels.dtype}, which cannot tell such ids apart: "
                "give integers or words"
            )
    low, high = (labels.min(), labels.max()) if labels.size else (0, 0)
    if high > np.iinfo(np.int64).max:
        raise EvaluationInputError(f"{name} hold the id {high}: give ids below 2^63, or words")
    signs = bool(low == -1 and high <= 1 and (labels != 0).all())
    if low < 0 and not signs:
        raise EvaluationInputError(f"{name} hold the negative id {low}: class ids start at 0, or are -1 and +1 alone")
    ids = np.ascontiguousarray(labels, dtype=np.int64)
    return Labels(np.maximum(ids, 0) if signs else ids, None, signs=signs)


def _label_words(labels: np.ndarray, name: str) -> Labels:
    if labels.dtype.kind in "US":
        raise EvaluationInputError(f"{name} are words of shape {labels.shape}: give one word for each code")
    bits = labels == 1
    low = labels[~bits] if labels.dtype != bool else labels[:0]
    if low.size and not ((low == 0).all() or (low == -1).all()):
        odd = low[(low != 0) & (low != -1)]
        found = f"the value {odd[0]}" if odd.size else "-1, 0 and 1 together"
        raise EvaluationInputError(f"{name} hold {found}: a multi-hot matrix is 0 or 1, or -1 or +1")
    classes = labels.shape[1]
    words = np.zeros((len(labels), max(1, -(-classes // 64)) * 8), dtype=np.uint8)
    words[:, : -(-classes // 8)] = np.packbits(bits, axis=1, bitorder="little")
    return Labels(words.view("<u8").astype(np.uint64, copy=False), classes)
