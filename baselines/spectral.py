"""Spectral hashing: signs of the smoothest eigenfunctions of a uniform distribution on the box of principal components.

On [a, b] the eigenfunctions of the 1-D Laplacian are cos(m pi (x - a) / (b - a)), with eigenvalues that grow as
(m pi / (b - a))^2. Bits are the K pairs (component, m >= 1) of smallest eigenvalue. Products of functions of several
components are left out, as in the paper: their bits follow from the others.
Y. Weiss, A. Torralba and R. Fergus, "Spectral hashing", NIPS 2008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench.models import ShallowMethod
from hashbench_baselines.linear import Matrix, principal_directions
from hashbench_baselines.scaling import Scaling


class SpectralHashing(ShallowMethod):
    """Spectral hashing. Nothing in it is random: `random_state` is accepted and not used.

    Args:
        bits: K. A component can give several bits, so K may exceed the number of features.
        random_state: not used.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; mean_: (d,), of the scaled ones.
        directions_: (d, min(K, d, N)) principal directions.
        low_: (c,) smallest training value on each component.
        component_: (K,) the component of each bit, frequency_: (K,) m pi / (b - a).
    """

    supervised = False

    def __init__(self, bits: int = 32, random_state: int | None = None, scale: str = "none") -> None:
        super().__init__(bits, random_state)
        self.scale = scale

    def _fit(self, X: Matrix, y: NDArray | None) -> None:
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        self.directions_ = principal_directions(centred, min(self.bits, *X.shape))
        values = centred @ self.directions_
        self.low_ = values.min(axis=0)
        extent = values.max(axis=0) - self.low_
        if not extent.max() > 0:
            raise ValueError("spectral hashing needs samples that differ: all rows are equal")
        # The widest component offers K modes, so one narrower than 1/K of it is never chosen, however narrow it is.
        extent = np.maximum(extent, extent.max() / (2 * self.bits))
        frequency = np.pi * np.arange(1, self.bits + 1)[:, None] / extent
        chosen = np.argsort(frequency, axis=None, kind="stable")[: self.bits]
        mode, self.component_ = np.unravel_index(chosen, frequency.shape)
        self.frequency_ = frequency[mode, self.component_]

    def _project(self, X: Matrix) -> Matrix:
        values = (self.scaling_(X) - self.mean_) @ self.directions_ - self.low_
        return np.cos(values[:, self.component_] * self.frequency_)
