"""Bounds of a shallow method's hyper-parameters, checked in `fit`: scikit-learn's constructors only store."""

from __future__ import annotations

import math
from numbers import Integral, Real

from hashbench.models import ShallowMethod


def whole(method: ShallowMethod, least: int, *names: str) -> None:
    """Raise ValueError unless the attributes of these names are whole numbers of at least `least`."""
    for name in names:
        value = getattr(method, name)
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} = {value!r} must be a whole number >= {least}")


def positive(method: ShallowMethod, *names: str) -> None:
    """Raise ValueError unless the attributes of these names are numbers > 0."""
    _real(method, names, zero=False)


def not_negative(method: ShallowMethod, *names: str) -> None:
    """Raise ValueError unless the attributes of these names are numbers >= 0."""
    _real(method, names, zero=True)


def _real(method: ShallowMethod, names: tuple[str, ...], zero: bool) -> None:
    for name in names:
        value = getattr(method, name)
        if not isinstance(value, Real) or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            raise ValueError(f"{name} = {value!r} must be a number {'>=' if zero else '>'} 0")
