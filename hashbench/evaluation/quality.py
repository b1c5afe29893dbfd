"""How good the codes themselves are, without labels: quantisation loss, and how the bits are used."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hashbench.evaluation.codes import as_numpy, binarize, packed_codes, unpack_codes
from hashbench.evaluation.errors import EvaluationInputError

_ROWS = 1 << 16


def code_quality(outputs: Any = None, codes: Any = None, *, bits: int | None = None) -> dict[str, float]:
    """Quality of codes, and of the continuous outputs behind them.

    Args:
        outputs: `(N, K)` continuous outputs; without them the two quantisation values are left out.
        codes: the codes, in any form `evaluate` takes; `outputs >= 0` if not given.
        bits: code length if `codes` are packed.

    Returns:
        quantization_error: mean of | |u| - 1 | over all outputs.
        quantization_mse: mean of (|u| - 1)^2.
        bit_balance: mean over bits of 1 - |2 f - 1|, f the share of ones; 1 if every bit is set for half of the items.
        bit_entropy: mean over bits of the binary entropy of f, in bits.
        bit_correlation: mean over pairs of bits of |Pearson correlation|; a constant bit correlates with nothing.
        distinct_codes: how many different codes there are (a count).

    Raises:
        EvaluationInputError: neither argument is given, or they do not describe the same items.
    """
    if outputs is not None:
        outputs = as_numpy(outputs)
        if codes is None:
            codes, bits = binarize(outputs), None
    if codes is None:
        raise EvaluationInputError("code_quality has nothing to judge: give outputs, codes, or both")
    packed, length = packed_codes(codes, bits, "codes")
    if outputs is not None and outputs.shape != (len(packed), length):
        raise EvaluationInputError(
            f"outputs have shape {outputs.shape}, the codes {(len(packed), length)}: give the outputs of these codes"
        )
    if len(packed) == 0:
        raise EvaluationInputError("there are no codes to judge: give at least one")
    quality = {} if outputs is None else quantization(quantization_sums(outputs), outputs.size)
    joint = _joint_counts(packed, length) / len(packed)
    share = np.diag(joint)
    quality["bit_balance"] = float(np.mean(1 - np.abs(2 * share - 1)))
    quality["bit_entropy"] = float(np.mean(_binary_entropy(share)))
    quality["bit_correlation"] = _mean_correlation(joint)
    quality["distinct_codes"] = float(count_distinct(packed))
    return quality


def quantization_sums(outputs: Any) -> np.ndarray:
    """(2,) float64: the sums of | |u| - 1 | and of its square over all outputs, of any shape."""
    error = np.abs(np.abs(as_numpy(outputs).astype(np.float64)) - 1)
    return np.array([error.sum(), np.square(error).sum()])


def quantization(sums: Any, size: int) -> dict[str, float]:
    """The two quantisation values of `code_quality`.

    Args:
        sums: (2,), or (parts, 2) of outputs that came in parts. Parts are added without rounding, so that their order
            does not matter.
        size: how many outputs there are in all.
    """
    error, square = (math.fsum(column) / size for column in np.atleast_2d(sums).T)
    return {"quantization_error": error, "quantization_mse": square}


def count_distinct(packed: np.ndarray) -> int:
    """Number of different rows of packed codes."""
    width = 8 if packed.shape[1] <= 8 else packed.shape[1]
    padded = np.pad(packed, ((0, 0), (0, width - packed.shape[1])))
    rows = np.ascontiguousarray(padded).view(np.uint64 if width == 8 else np.dtype((np.void, width)))
    return len(np.unique(rows.ravel()))


def _joint_counts(packed: np.ndarray, bits: int) -> np.ndarray:
    """`(K, K)` how many items have both bits set; a block's counts stay below 2^24, so float32 sums are exact."""
    joint = np.zeros((bits, bits))
    for start in range(0, len(packed), _ROWS):
        block = unpack_codes(packed[start : start + _ROWS], bits).astype(np.float32)
        joint += block.T @ block
    return joint


def _binary_entropy(share: np.ndarray) -> np.ndarray:
    entropy = np.zeros_like(share)
    for chance in (share, 1 - share):
        entropy -= chance * np.log2(chance, out=np.zeros_like(chance), where=chance > 0)
    return entropy


def _mean_correlation(joint: np.ndarray) -> float:
    share = np.diag(joint)
    deviation = np.sqrt(np.outer(share * (1 - share), share * (1 - share)))
    correlation = np.divide(joint - np.outer(share, share), deviation, out=np.zeros_like(joint), where=deviation > 0)
    pairs = correlation[np.triu_indices(len(share), k=1)]
    return float(np.abs(pairs).mean()) if pairs.size else 0.0
