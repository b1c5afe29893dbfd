"""Arrays and whole numbers as people hand them in: of Python, NumPy or torch; 24, 24.0 or an array of one element."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError


def as_numpy(array: Any) -> np.ndarray:
    """A numpy view (or copy) of a numpy array, a torch tensor on any device, or anything `np.asarray` takes.

    bfloat16, which numpy lacks, becomes float32.
    """
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if array.dtype.is_floating_point and array.element_size() < 4:
            array = array.float()
        return array.numpy()
    return np.asarray(array)


def whole_number(value: Any, name: str, least: int, unit: str) -> int:
    """One number.

    Args:
        value: a number, or an array or tensor of one element.
        name: what to call it in an error.
        least: the smallest that is allowed.
        unit: what it counts, such as 'items'.

    Raises:
        EvaluationInputError: no number, not one, not whole, or below `least`.

    >>> whole_number(np.array(24.0), "bits", 1, "bits of a code")
    24
    """
    if type(value) is not int:
        array = _array(value)
        if array is None or array.size != 1 or array.dtype.kind not in "iuf":
            raise EvaluationInputError(f"{name} is {_shown(value)}: give a whole number of {unit}")
        single = array.reshape(-1)[0]
        if array.dtype.kind == "f" and not (np.isfinite(single) and single == np.rint(single)):
            raise EvaluationInputError(f"{name} is {single}: it counts {unit}, so give a whole number")
        value = int(single)
    if value < least:
        raise EvaluationInputError(f"{name} is {value}: it counts {unit}, so give {least} or more")
    return int(value)


def whole_numbers(values: Any, name: str, least: int, unit: str) -> tuple[int, ...]:
    """One number or several; arguments and errors as of `whole_number`.

    >>> whole_numbers(np.array([5.0, 10.0]), "topk", 1, "items")
    (5, 10)
    """
    single = isinstance(values, str) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0
    return tuple(whole_number(value, name, least, unit) for value in ([values] if single else values))


def _array(value: Any) -> np.ndarray | None:
    """None for what makes no array."""
    try:
        return as_numpy(value)
    except (TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
