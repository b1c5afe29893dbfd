"""Published weights over the network, and what to say when there is none."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.models import WeightsEnum

from hashbench.errors import UserError


def torchvision_state(weights: WeightsEnum) -> Mapping[str, Tensor]:
    """The state dict of torchvision's weights, downloaded once into torch's hub folder and checked by its hash.

    Raises `UserError` if it cannot be had.
    """
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise cannot_download(f"torchvision's {weights} ({weights.url})", error) from error


def cannot_download(what: str, error: Exception) -> UserError:
    """The error for weights that could not be downloaded, with the reason in a few words and the way out."""
    reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return UserError(f"{what}: download failed ({reason}); give a local copy with --weights FILE")
