"""What two runs must share to be ranked together, as a dict, as a short hash, and as a list of differences."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hashbench.catalog.schema import ProtocolEntry

LENGTH = 16
"""Hexadecimal digits of a fingerprint."""


def description(
    protocol: ProtocolEntry,
    *,
    name: str,
    data_checksum: str,
    split_checksum: str,
    weights_checksum: str | None,
    transform: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that the methods of a comparison share, and nothing else: no method, no bits, no seed, no device.

    The split enters by its rows and the data by their content, so neither a path nor the way they were made counts;
    overlaps that the split is allowed are said beside it.

    Args:
        protocol: the entry of the catalogue, with what the command line changed.
        name: the protocol's name.
        data_checksum: `DataTable.checksum`.
        split_checksum: `Split.checksum`.
        weights_checksum: of the backbone's initial weights; None where they are drawn by the seed.
        transform: `DeviceTransform.describe()` of the training transform.

    Returns:
        Plain JSON types, to be kept beside the fingerprint.
    """
    facts = protocol.model_dump(exclude={"split", "title"}, mode="json")
    facts |= {"name": name, "data": data_checksum, "split": split_checksum, "weights": weights_checksum}
    if protocol.split.allow:
        facts["split_allows"] = dict(protocol.split.allow)
    return {**facts, "transform": dict(transform)}


def fingerprint(
    protocol: ProtocolEntry,
    *,
    name: str,
    data_checksum: str,
    split_checksum: str,
    weights_checksum: str | None,
    transform: Mapping[str, Any],
) -> str:
    """First 16 hexadecimal digits of the sha256 of `canonical(description(...))`; arguments as there."""
    return fingerprint_of(
        description(
            protocol,
            name=name,
            data_checksum=data_checksum,
            split_checksum=split_checksum,
            weights_checksum=weights_checksum,
            transform=transform,
        )
    )


def fingerprint_of(facts: Mapping[str, Any]) -> str:
    """The fingerprint of a description made before, as `result.json` keeps it."""
    return hashlib.sha256(canonical(facts).encode()).hexdigest()[:LENGTH]


def canonical(obj: Any) -> str:
    """JSON with sorted keys and one spelling a value: 1.0 is 1, tuples are lists, numpy scalars are numbers.

    Raises:
        TypeError: a value that JSON has no word for, or a key that is not a string.
        ValueError: NaN or infinity.

    >>> canonical({"b": (1.0, 0.1), "a": None})
    '{"a":null,"b":[1,0.1]}'
    """
    return json.dumps(_plain(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def explain_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """The fields in which two descriptions differ, with both values, sorted; a field that one lacks is 'absent' there.

    >>> explain_difference({"epochs": 10, "transform": {"size": 32}}, {"epochs": 10, "transform": {"size": 64}})
    ['transform.size: 32 | 64']
    """
    left, right = dict(_fields(a)), dict(_fields(b))
    names = sorted(left.keys() | right.keys())
    return [
        f"{name}: {left.get(name, 'absent')} | {right.get(name, 'absent')}"
        for name in names
        if left.get(name) != right.get(name)
    ]


def _fields(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", canonical(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise TypeError(f"keys must be strings, got {wrong[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical form")
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")
