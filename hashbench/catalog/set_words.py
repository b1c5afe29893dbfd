"""`--set` words of hyper-parameters: which of them are the method's, and values written so that they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml


def as_set(name: str, value: Any) -> str:
    """`name=value` as `--set` reads it back to the same value."""
    if isinstance(value, float):
        return f"{name}={value!r}"
    return (
        f"{name}={value}"
        if isinstance(value, str)
        else f"{name}={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"
    )


def is_hyper_parameter(word: str) -> bool:
    """Whether a `--set` word belongs to the method, not to the protocol."""
    return word.partition("=")[0].partition(".")[0] not in ("protocol", "backbone", "dataset")


def hyper_parameters(words: Sequence[str]) -> list[str]:
    """The `--set` words that belong to the method."""
    return [word for word in words if is_hyper_parameter(word)]
