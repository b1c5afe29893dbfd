"""The codes of some items as their quality is judged: what several metrics of codes need is computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from hashbench.evaluation.codes import unpack_codes

_ROWS = 1 << 16


class CodeSet:
    """Codes of N items, at least one.

    Attributes:
        packed: `(N, ceil(K / 8))` uint8, see `hashbench.evaluation.unpack_codes`.
        bits: K.
    """

    def __init__(self, packed: np.ndarray, bits: int) -> None:
        self.packed, self.bits = packed, bits

    @cached_property
    def joint(self) -> np.ndarray:
        """`(K, K)` share of the items that have both bits set."""
        counts = np.zeros((self.bits, self.bits))
        for start in range(0, len(self.packed), _ROWS):  # a block's counts stay below 2^24: float32 sums are exact
            block = unpack_codes(self.packed[start : start + _ROWS], self.bits).astype(np.float32)
            counts += block.T @ block
        return counts / len(self.packed)

    @property
    def share(self) -> np.ndarray:
        """`(K,)` share of the items that have a bit set."""
        return np.diag(self.joint)

    def mean_entropy(self) -> float:
        """Mean over bits of the binary entropy of its share of ones, in bits."""
        entropy = np.zeros_like(self.share)
        for share in (self.share, 1 - self.share):
            entropy -= share * np.log2(share, out=np.zeros_like(share), where=share > 0)
        return float(np.mean(entropy))

    def mean_correlation(self) -> float:
        """Mean over pairs of bits of |Pearson correlation|; a constant bit correlates with nothing."""
        share = self.share
        deviation = np.sqrt(np.outer(share * (1 - share), share * (1 - share)))
        covariance = self.joint - np.outer(share, share)
        correlation = np.divide(covariance, deviation, out=np.zeros_like(covariance), where=deviation > 0)
        pairs = correlation[np.triu_indices(len(share), k=1)]
        return float(np.abs(pairs).mean()) if pairs.size else 0.0

    def distinct(self) -> int:
        """How many different codes there are."""
        width = 8 if self.packed.shape[1] <= 8 else self.packed.shape[1]
        padded = np.pad(self.packed, ((0, 0), (0, width - self.packed.shape[1])))
        rows = np.ascontiguousarray(padded).view(np.uint64 if width == 8 else np.dtype((np.void, width)))
        return len(np.unique(rows.ravel()))
