"""The sum of a method's loss terms, and what is said of a loss that cannot be trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hashbench.errors import RunFailedError


def total_loss(method: object, terms: Any) -> Tensor:
    """Add up what `method.loss` returned.

    Raises:
        RunFailedError: no dictionary of scalar tensors, or nothing in it that depends on the network.
    """
    name = f"{type(method).__name__}.loss"
    if not isinstance(terms, Mapping) or not terms:
        what = "an empty one" if isinstance(terms, Mapping) else f"a {type(terms).__name__}"
        raise RunFailedError(
            f"{name} returned {what}: return a dictionary of scalar tensors, such as {{'loss': value}}"
        )
    for term, value in terms.items():
        if not isinstance(value, Tensor):
            raise RunFailedError(f"{name}: term {term!r} is a {type(value).__name__}: make it a scalar tensor")
        if value.numel() != 1:
            raise RunFailedError(f"{name}: term {term!r} has shape {tuple(value.shape)}: take its mean, or its sum")
    total: Tensor = sum(terms.values())  # type: ignore[assignment]
    if not total.requires_grad:
        raise RunFailedError(f"{name}: no term has a gradient: compute them from batch.codes or batch.logits, attached")
    return total
