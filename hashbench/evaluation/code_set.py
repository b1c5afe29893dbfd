"""The codes of some items as their quality is judged: what several metrics of codes need is computed once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from hashbench.evaluation.codes import as_numpy, binarize, packed_codes, unpack_codes
from hashbench.evaluation.errors import EvaluationInputError

_ROWS = 1 << 16


class CodeSet:
    """Codes of N items, and the continuous outputs behind them where these are known.

    Args:
        outputs: `(N, K)` continuous outputs, or None.
        codes: the codes, in any form `evaluate` takes; None: `outputs >= 0`.
        bits: code length if `codes` are packed.

    Attributes:
        packed: `(N, ceil(K / 8))` uint8.
        bits: K.
        outputs: `(N, K)` float array, or None.

    Raises:
        EvaluationInputError: neither argument is given, they do not describe the same items, or there are none.
    """

    def __init__(self, outputs: Any = None, codes: Any = None, bits: int | None = None) -> None:
        self.outputs = None if outputs is None else as_numpy(outputs)
        if codes is None:
            if self.outputs is None:
                raise EvaluationInputError("code_quality has nothing to judge: give outputs, codes, or both")
            codes, bits = binarize(self.outputs), None
        self.packed, self.bits = packed_codes(codes, bits, "codes")
        shape = (len(self.packed), self.bits)
        if self.outputs is not None and self.outputs.shape != shape:
            raise EvaluationInputError(
                f"outputs have shape {self.outputs.shape}, the codes {shape}: give the outputs of these codes"
            )
        if len(self.packed) == 0:
            raise EvaluationInputError("there are no codes to judge: give at least one")

    @cached_property
    def gap(self) -> np.ndarray:
        """`(N, K)` float64, | |u| - 1 | of every output u. Only where there are outputs."""
        assert self.outputs is not None
        return np.abs(np.abs(self.outputs.astype(np.float64)) - 1)

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
