"""From continuous outputs to bits to packed bytes, under one convention: a bit is 1 where the output is >= 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError


def as_numpy(array: Any) -> np.ndarray:
    """A numpy view (or copy) of a numpy array, a torch tensor on any device, or anything `np.asarray` takes.

    bfloat16, which numpy lacks, becomes float32.
    """
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if array.dtype.is_floating_point and array.element_size() < 4:
            array = array.float()
        return array.numpy()
    return np.asarray(array)


def binarize(outputs: Any) -> np.ndarray:
    """Bits of continuous outputs: `outputs >= 0`, so 0 counts as 1 and no third value exists.

    Args:
        outputs: `(N, K)` float array or torch tensor.

    Returns:
        `(N, K)` bool.

    Raises:
        EvaluationInputError: an output is NaN.
    """
    outputs = as_numpy(outputs)
    if outputs.dtype.kind == "f" and np.isnan(outputs).any():
        raise EvaluationInputError("outputs hold NaN, which has no sign: check the model before binarising")
    return outputs >= 0


def two_level_bits(codes: Any, name: str = "codes") -> np.ndarray:
    """Bits of codes with two levels: bool, 0/1 or -1/+1.

    Args:
        codes: `(N, K)` array or tensor.
        name: what to call the array in an error.

    Returns:
        `(N, K)` bool.

    Raises:
        EvaluationInputError: not two-dimensional, no bits, or a value that is none of the two levels.
    """
    codes = as_numpy(codes)
    if codes.ndim != 2 or codes.shape[1] == 0:
        raise EvaluationInputError(f"{name} have shape {codes.shape}: give (N, K) with K of at least 1")
    if codes.dtype == bool:
        return codes
    if codes.dtype.kind not in "iuf":
        raise EvaluationInputError(f"{name} have type {codes.dtype}: give bool, 0/1, -1/+1 or packed uint8 with bits=")
    bits = codes == 1
    low = codes[~bits]
    if low.size and not ((low == 0).all() or (low == -1).all()):
        odd = low[(low != 0) & (low != -1)]
        found = f"the value {odd[0]}" if odd.size else "-1, 0 and 1 together"
        hint = "pass bits= if they are packed" if codes.dtype == np.uint8 else "binarize() continuous outputs first"
        raise EvaluationInputError(f"{name} hold {found}: codes have two levels, 0/1 or -1/+1; {hint}")
    return bits


def pack_codes(codes: Any, name: str = "codes") -> np.ndarray:
    """Pack two-level codes, eight bits a byte, bit k of a code in bit k % 8 of byte k // 8 (little-endian).

    Args:
        codes: `(N, K)` bool, 0/1 or -1/+1; numpy array or torch tensor.
        name: what to call the array in an error.

    Returns:
        `(N, ceil(K / 8))` uint8; the last byte is padded with zeros.

    Raises:
        EvaluationInputError: see `two_level_bits`.
    """
    return np.packbits(two_level_bits(codes, name), axis=1, bitorder="little")


def unpack_codes(packed: Any, bits: int) -> np.ndarray:
    """The inverse of `pack_codes`.

    Args:
        packed: `(N, ceil(bits / 8))` uint8.
        bits: code length K.

    Returns:
        `(N, bits)` bool.

    Raises:
        EvaluationInputError: see `check_packed`.
    """
    return np.unpackbits(check_packed(packed, bits), axis=1, count=bits, bitorder="little").view(bool)


def check_packed(packed: Any, bits: int, name: str = "packed codes") -> np.ndarray:
    """Packed codes as `(N, ceil(bits / 8))` uint8, after checking type, width and that padding bits are zero.

    Raises:
        EvaluationInputError: one of these does not hold.
    """
    packed = as_numpy(packed)
    if bits < 1:
        raise EvaluationInputError(f"bits is {bits}: a code has at least 1 bit")
    width = (bits + 7) // 8
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise EvaluationInputError(
            f"{name} are {packed.dtype} of shape {packed.shape}: {bits} bits packed are uint8 of shape (N, {width}); "
            "leave bits= out for unpacked codes"
        )
    if bits % 8 and (packed[:, -1] >> (bits % 8)).any():
        raise EvaluationInputError(f"{name} have bits set beyond bit {bits}: check bits= or pack with pack_codes()")
    return packed


def packed_codes(codes: Any, bits: int | None, name: str) -> tuple[np.ndarray, int]:
    """Packed codes and their length, from codes as users hand them in: packed if `bits` is given, else two levels."""
    if bits is not None:
        return check_packed(codes, bits, name), bits
    unpacked = two_level_bits(codes, name)
    return np.packbits(unpacked, axis=1, bitorder="little"), unpacked.shape[1]
