"""Nested plain values on one level, to name and compare what stands deep inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN = 3
_ABSENT = object()


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots.

    >>> flatten({"a": {"b": 1}, "c": [2]})
    {'a.b': 1, 'c': [2]}
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first keys in which two nested mappings differ, with both values; empty where they do not.

    >>> differences({"a": {"b": 1}}, {"a": {"b": 2}, "c": 3})
    'a.b was 1, now 2; c was absent, now 3'
    """
    old, new = flatten(before), flatten(now)
    keys = [key for key in new | old if old.get(key, _ABSENT) != new.get(key, _ABSENT)]
    shown = [f"{key} was {_value(old, key)}, now {_value(new, key)}" for key in keys[:_SHOWN]]
    more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
    return "; ".join(shown) + more


def _value(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"
