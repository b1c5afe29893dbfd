"""The pairwise loss of siamese networks: similar pairs together, dissimilar pairs a margin apart.

    L = 1/2 |x - x+|^2 + 1/2 max(0, m - |x - x-|)^2

Hadsell, Chopra, LeCun (CVPR 2006); Masci et al., Multimodal similarity-preserving hashing (TPAMI 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.models.deep import require


def margin_of(method: str, bits: int, margin_share: float, margin: float | None) -> float:
    """m: `margin` where it is given, else `margin_share` times sqrt(2 K).

    sqrt(2 K) is the distance of two codes in {-1, +1}^K half of whose bits are different, so that a share asks for the
    same at every length.

    Raises:
        UserError: either is not positive.
    """
    require(margin_share > 0, f"{method}: margin_share = {margin_share} must be > 0")
    require(margin is None or margin > 0, f"{method}: margin = {margin} must be > 0, or null for margin_share")
    return margin_share * (2 * bits) ** 0.5 if margin is None else float(margin)


def contrastive(codes: Tensor, similarity: Tensor, margin: float, share: float = 0.5) -> dict[str, Tensor]:
    """The loss over all pairs i < j of a batch, each of the two terms a mean over its own pairs.

    So both terms weigh the same, as in the equation, however many pairs of each kind there are. A term without pairs is
    0. The gradient of a distance of 0 is taken as 0. With a `share` p of similar pairs other than a half the terms are
    2 p and 2 (1 - p) times those of the equation: what pairs drawn at random have for p, 1 / C in C equal classes.

    Args:
        codes: (b, K) float.
        similarity: (b, b), nonzero where two samples are similar.
        margin: m > 0, in units of the Euclidean distance.
        share: p in (0, 1).

    Returns:
        'similar' and 'dissimilar', scalars.
    """
    distance = torch.cdist(codes, codes, compute_mode="donot_use_mm_for_euclid_dist")
    pair = torch.ones_like(distance, dtype=torch.bool).triu(diagonal=1)
    alike, apart = pair & (similarity > 0), pair & (similarity == 0)
    near = (distance.square() * alike).sum() / alike.sum().clamp(min=1)
    far = ((margin - distance).clamp(min=0).square() * apart).sum() / apart.sum().clamp(min=1)
    return {"similar": share * near, "dissimilar": (1 - share) * far}
