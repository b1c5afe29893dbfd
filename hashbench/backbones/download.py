"""Published weights over the network, and what to say when there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import shorten

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


REACHABLE_WITHIN = 5.0
"""Seconds that a hub has to answer."""


@contextmanager
def hub_tried_once() -> Iterator[None]:
    """Within, the Hugging Face hub is offline where it does not answer one question: its files come from its cache.

    Left to itself, its client asks six times for each file, waits longer each time and says so each time.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    offline = constants.HF_HUB_OFFLINE
    try:
        get_session().head(constants.ENDPOINT, timeout=REACHABLE_WITHIN)
    except Exception:  # requests' or httpx's, whichever the hub's client uses: any means that nothing can be fetched
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline


def cannot_download(what: str, error: Exception) -> UserError:
    """The error for weights that could not be downloaded, with the reason in a few words and the way out."""
    reason = shorten((str(error).splitlines() or [""])[0], 160, placeholder=" ...") or type(error).__name__
    return UserError(f"{what}: download failed ({reason}); give a local copy with --weights FILE")
