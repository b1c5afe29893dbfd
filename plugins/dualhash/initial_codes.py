"""Where the split variable u starts: ITQ or PCA of the backbone's features, random bits, or the network's own codes."""

from __future__ import annotations

import torch
from sklearn.decomposition import PCA
from torch import Tensor

from hashbench.errors import UserError
from hashbench.models import FitContext

INITS = ("itq", "pca", "random", "network")


def initial_codes(init: str, fit: FitContext, bits: int) -> Tensor:
    """u_0, (N, K) float32: +1 and -1, or for 'network' the codes that the network gives before training.

    Args:
        init: 'itq' (the authors': 50 iterations), 'pca' (signs of the K first components), 'random' or 'network'.
        fit: the harness's view of the run; only the training samples' features or codes are asked for.
        bits: K.
    """
    if init == "network":
        return fit.codes().float()
    if init == "random":
        return torch.randint(2, (len(fit.labels), bits), generator=fit.generator) * 2.0 - 1
    components = principal_components(fit.features(), bits, fit.generator)
    return signs(components) if init == "pca" else itq(components, fit.generator)


def principal_components(features: Tensor, bits: int, generator: torch.Generator) -> Tensor:
    """The K first principal components of (N, d) features: (N, K) float32 on the CPU.

    Raises:
        UserError: there are fewer features or samples than bits.
    """
    samples, width = features.shape
    if min(samples, width) < bits:
        raise UserError(
            f"initialisation from features: {bits} bits need as many features and samples, the backbone gives "
            f"{width} features of {samples} samples: set init=random or init=network, or take fewer bits"
        )
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    components = PCA(bits, random_state=seed).fit_transform(features.float().cpu().numpy())
    return torch.from_numpy(components).float()


def itq(components: Tensor, generator: torch.Generator, iterations: int = 50) -> Tensor:
    """Iterative quantisation (Gong & Lazebnik, 2011): alternate B = sgn(V R) and the rotation R nearest to V -> B.

    Each iteration lowers ||B - V R||. Starts from a random rotation.

    Args:
        components: V, (N, K) float, centred.
        generator: CPU generator of the first rotation.
        iterations: 50 in the authors' code.

    Returns:
        B, (N, K) of +1 and -1.
    """
    bits = components.shape[1]
    rotation = torch.linalg.qr(torch.randn(bits, bits, generator=generator, dtype=torch.float64))[0].to(
        components.dtype
    )
    for _ in range(iterations):
        left, _, right = torch.linalg.svd(components.T @ signs(components @ rotation))
        rotation = left @ right
    return signs(components @ rotation)


def signs(values: Tensor) -> Tensor:
    """+1 where a value is >= 0, else -1, in its dtype."""
    return torch.where(values >= 0, 1.0, -1.0).to(values.dtype)
