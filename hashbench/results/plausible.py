"""What the open parts of result.json may hold, since tables, pages and figures rely on it.

A file that was edited or damaged can hold anything there; it is refused when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hashbench.errors import shown

_OWN = ("epoch", "seconds", "loss", "lr")
"""Entries of every epoch of a history; beside them a method may keep words."""
_LARGEST = 2**63
"""A whole number from here on fits into no array."""


def check_history(history: Iterable[Mapping[str, Any]], validation: str) -> None:
    """Epochs are whole numbers, all that is measured is a number.

    Args:
        validation: what the names of validation metrics begin with.

    Raises:
        ValueError: says what is wrong in which epoch.
    """
    for number, entry in enumerate(history, 1):
        for name, value in entry.items():
            if type(value) is float and name != "epoch":
                continue
            if name == "epoch":
                fits = _is_whole(value)
            elif name in _OWN or name.startswith(validation):
                fits = type(value) is int and abs(value) < _LARGEST
            else:
                fits = isinstance(value, str | float) or (isinstance(value, int) and abs(value) < _LARGEST)
            if not fits:
                raise ValueError(f"entry {number}: {name} is {_kind(value)}, not a number")


def check_selection(selection: Mapping[str, Any]) -> None:
    """`epoch` is a whole number, `metric` a word, where they are there; ValueError as `check_history`."""
    _check(selection, {"epoch": _is_whole, "metric": _is_word})


def check_environment(environment: Mapping[str, Any]) -> None:
    """Likewise of what is printed below tables."""
    words = ("date", "commit", "device")
    _check(environment, dict.fromkeys(words, _is_word) | {"cpu": _is_mapping, "gpus": _are_words})


def check_description(description: Mapping[str, Any]) -> None:
    """Likewise of the protocol: `topk` are whole numbers."""
    _check(description, {"topk": _are_whole})


def _check(values: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]]) -> None:
    for name, is_of_the_kind in kinds.items():
        value = values.get(name)
        if value is not None and not is_of_the_kind(value):
            raise ValueError(f"{name} cannot be {_kind(value)}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _are_whole(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_whole, value))


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_word, value))


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "a word" if isinstance(value, str) else shown(value, 40)
