"""Batch norms whose statistics were folded away: right as long as nothing is trained, and destroyed by the first step.

A converter that folds batch norm into the convolutions leaves mean 0 and variance 1 behind. Such a network computes
what it should in evaluation mode. In training mode a batch norm takes the statistics of the batch instead, which are
others, so that every layer gives something else than what the weights were made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from hashbench.errors import UserError

_MEAN, _VARIANCE = "running_mean", "running_var"
_TOLERANCE = 2e-3
"""A folded variance may be 1 - eps, so that the root of variance + eps is 1; the largest eps in use is 1e-3."""


def refuse_to_train_folded(state: Mapping[str, Tensor], names: Iterable[str], source: str) -> None:
    """Refuse pretrained weights that cannot be trained further.

    Args:
        state: of the backbone, after loading.
        names: the part of the state that was loaded; batch norms that were added to a network start as the identity
            and train well.
        source: what the weights are called.

    Raises:
        UserError: a batch norm among them has mean 0 and variance 1 in all its channels.
    """
    means = [name for name in names if name.rpartition(".")[2] == _MEAN]
    folded = [name for name in means if _is_folded(state, name)]
    if folded:
        raise UserError(
            f"weights {source}: {len(folded)} of {len(means)} batch norms are folded (mean 0, variance 1; first "
            f"{folded[0].removesuffix('.' + _MEAN)}), so training would destroy the features: use --frozen, or weights "
            "with the statistics of their training"
        )


def _is_folded(state: Mapping[str, Tensor], mean: str) -> bool:
    variance = state.get(mean.removesuffix(_MEAN) + _VARIANCE)
    if variance is None:
        return False
    return bool((state[mean].abs() <= _TOLERANCE).all() and ((variance - 1).abs() <= _TOLERANCE).all())
