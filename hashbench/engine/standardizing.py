"""Where a protocol says `standardize`: mean and deviation of the training features, computed once in a process."""

from __future__ import annotations

import json

import numpy as np
from torch import Tensor, nn

from hashbench.backbones.identity import Identity
from hashbench.backbones.standardize import Standardize, mean_and_deviation
from hashbench.engine.distributed import rank
from hashbench.engine.feed import Feed, kept
from hashbench.engine.sharing import failing_together, from_first
from hashbench.errors import UserError

_KNOWN: dict[tuple[str, bytes], tuple[Tensor, Tensor]] = {}


def standardized(backbone: nn.Module, name: str) -> Standardize:
    """What stands in the place of a backbone that hands its input on.

    Raises:
        UserError: a backbone that is trained: its features change, and so would their mean and deviation.
    """
    if not isinstance(backbone, Identity):
        raise UserError(
            f"protocol field standardize: the features of backbone {name} change while it is trained; set it to false, "
            "or keep the backbone as it is with --frozen"
        )
    return Standardize(backbone.out_features)


def learn(module: nn.Module | None, feed: Feed, rows: np.ndarray) -> None:
    """Give a `Standardize` mean and deviation of these rows; nothing to do with any other module.

    On several processes all take the numbers of the first.
    """
    if not isinstance(module, Standardize):
        return
    loader, found = feed.ordered(rows), None
    with failing_together():
        if rank() == 0:
            name = (json.dumps(feed.content(), sort_keys=True), rows.tobytes())
            found = kept(_KNOWN, name, lambda: mean_and_deviation(lambda: (data["inputs"] for data in loader)))
    found = from_first(found)
    assert found is not None  # the first process has computed it
    module.learn(*found)
