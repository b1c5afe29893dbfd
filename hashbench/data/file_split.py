"""The split that a file brings: masks or row numbers named after roles, or one array with the role of each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hashbench.data.array_names import INDEX_WORDS, ROLES, SPLIT_NAMES, last_word, role_and_rest
from hashbench.data.role_names import ROLE_NAMES
from hashbench.data.targets import is_vector


class SplitArrayError(ValueError):
    """An array that looks like a split and cannot be one; the message says which, why and what to do."""


class FileSplit(NamedTuple):
    """What was found.

    Attributes:
        rows: role -> (n,) int64 row numbers from 0; empty where the file brings no split.
        used: names of the arrays that it was read from.
        notes: what it leaves out.
    """

    rows: dict[str, np.ndarray]
    used: list[str]
    notes: list[str]


def find_split(arrays: Mapping[str, np.ndarray], count: int, *, may_count_from_one: bool) -> FileSplit:
    """Find the split among arrays that are neither features nor labels.

    Args:
        arrays: name -> array.
        count: N, rows of the data.
        may_count_from_one: row numbers do, unless a 0 occurs.

    Raises:
        SplitArrayError: see there.
    """
    lists = _lists(arrays)
    words = {name: _words(array) for name, array in arrays.items() if array.dtype.kind in "US" and array.size == count}
    found = {name: split for name, of_rows in words.items() if (split := _by_words(name, of_rows)) is not None}
    both = [*found, *(name for name, _ in lists.values())]
    if len(found) > 1 or (found and lists):
        raise SplitArrayError(f"{', '.join(both)} each say which rows play a role; remove all but one")
    if found:
        ((name, (rows, notes)),) = found.items()
        return FileSplit(rows, [name], notes)
    return FileSplit(_numbers(lists, count, may_count_from_one), both, [])


def _words(array: np.ndarray) -> np.ndarray:
    text = array.reshape(-1)
    if text.dtype.kind == "S":
        text = np.char.decode(text, "utf-8", "replace")
    return np.char.lower(np.char.strip(text))


def _by_words(name: str, of_rows: np.ndarray) -> tuple[dict[str, np.ndarray], list[str]] | None:
    """Rows by role, and what is left out; None where the words are no roles."""
    known = [str(word) for word in np.unique(of_rows)]
    roles = {word: ROLE_NAMES[word] for word in known if word in ROLE_NAMES}
    others = [word for word in known if word not in roles]
    if not {"train", "test"} <= set(roles.values()):
        if roles and (last_word(name) in SPLIT_NAMES or not others):
            raise SplitArrayError(
                f"{name} says {', '.join(known[:5])}: it needs the words train and test (validation and database may "
                "follow); rename them, or remove it"
            )
        return None
    rows = {role: np.flatnonzero(np.isin(of_rows, [w for w in roles if roles[w] == role])) for role in ROLES}
    left = int(np.isin(of_rows, others).sum())
    notes = [f"{left} rows play no role: {name} says {', '.join(others[:5])}"] if others else []
    return {role: found for role, found in rows.items() if len(found)}, notes


def _lists(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, np.ndarray]]:
    """role -> name and array, flat, of masks or row numbers."""
    lists: dict[str, tuple[str, np.ndarray]] = {}
    for name, array in arrays.items():
        role, rest = role_and_rest(name)
        if role is None or rest not in INDEX_WORDS or not is_vector(array) or array.dtype.kind not in "biuf":
            continue
        if role in lists:
            raise SplitArrayError(f"several arrays may be the rows of {role}: {lists[role][0]}, {name}; remove one")
        lists[role] = name, array.reshape(-1)
    return lists


def _numbers(
    lists: Mapping[str, tuple[str, np.ndarray]], count: int, may_count_from_one: bool
) -> dict[str, np.ndarray]:
    masks = {role: _is_mask(*lists[role], count) for role in lists}
    numbers = [array for role, (_, array) in lists.items() if not masks[role]]
    base = int(may_count_from_one and not any((rows == 0).any() for rows in numbers))
    return {
        role: np.flatnonzero(array) if masks[role] else _checked(name, array, count, base)
        for role, (name, array) in lists.items()
    }


def _is_mask(name: str, array: np.ndarray, count: int) -> bool:
    """Whether an array has one truth value per row; as numbers, 0 and 1, which as row numbers would come twice."""
    is_named = role_and_rest(name)[1] == "mask"
    is_binary = array.dtype.kind == "b" or bool(np.isin(array, (0, 1)).all())
    is_mask = array.dtype.kind == "b" or (is_binary and (is_named or array.size > 2))
    if is_named and not is_binary:
        raise SplitArrayError(f"the mask {name} holds other values than 0 and 1; save booleans")
    if is_mask and array.size != count:
        raise SplitArrayError(f"the mask {name} has {array.size} entries for {count} rows; give one for each row")
    return is_mask


def _checked(name: str, array: np.ndarray, count: int, base: int) -> np.ndarray:
    """Row numbers from 0."""
    if not np.isfinite(array).all() or (array != np.rint(array)).any():
        raise SplitArrayError(f"{name} is no list of row numbers: they are whole")
    outside = array[(array < base) | (array >= count + base)]
    if outside.size:
        one = base == 0 and bool((array == count).any()) and not (array < 1).any()
        hint = "; rows count from 0 here, so subtract 1" if one else "; correct it"
        raise SplitArrayError(f"{name} names row {outside[0]:g}, there are {base} to {count + base - 1}{hint}")
    return array.astype(np.int64) - base
