"""From continuous outputs to bits to packed bytes, under one convention: a bit is 1 where the output is >= 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.numbers import as_numpy, whole_number

_BYTE = 255


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
        raise EvaluationInputError(f"{name} hold {found}: codes have two levels, 0/1 or -1/+1; {_hint(codes)}")
    return bits


def _hint(codes: np.ndarray) -> str:
    """What the values of codes that have other levels than ours may be, and what to do then."""
    low, high = codes.min(), codes.max()
    if low >= -1 and high <= 1 and codes.dtype.kind in "iu":
        return "binarize() makes two levels of signs, 0 counted as 1"
    if codes.dtype.kind == "f" and low < 0 < high:
        return "binarize() continuous outputs first"
    if low < high and ((codes == low) | (codes == high)).all():
        bytes_too = "; if they are packed bytes, pass bits=" if codes.dtype.kind in "iu" and high <= _BYTE else ""
        return f"if {low} and {high} are the two levels, give codes == {high}{bytes_too}"
    if codes.dtype.kind in "iu" and low >= -128 and high <= _BYTE:
        return "pass bits= if they are packed bytes"
    return "binarize() continuous outputs first"


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
    packed, bits = packed_codes(packed, bits, "packed codes")
    return np.unpackbits(packed, axis=1, count=bits, bitorder="little").view(bool)


def check_packed(packed: Any, bits: int, name: str = "packed codes") -> np.ndarray:
    """Packed codes as `(N, ceil(bits / 8))` uint8, after checking type, width and that padding bits are zero.

    Bytes may have another type: -128 .. 127 are read as signed bytes, 0 .. 255 of any number type as what they are.

    Raises:
        EvaluationInputError: one of these does not hold.
    """
    packed, bits = as_numpy(packed), whole_number(bits, "bits", 1, "bits of a code")
    width = (bits + 7) // 8
    if packed.ndim != 2 or packed.shape[1] != width or packed.dtype.kind not in "iuf":
        unpacked = packed.ndim == 2 and packed.shape[1] == bits
        hint = "leave bits= out for unpacked codes" if unpacked else "check bits= and the codes"
        raise EvaluationInputError(
            f"{name} are {packed.dtype} of shape {packed.shape}: {bits} bits packed are uint8 of shape (N, {width}); "
            f"{hint}"
        )
    packed = _bytes(packed, name)
    if bits % 8 and (packed[:, -1] >> (bits % 8)).any():
        raise EvaluationInputError(
            f"{name} have bits set beyond bit {bits}: check bits=, and pack as pack_codes() does, the first bit lowest "
            "(numpy.packbits with bitorder='little')"
        )
    return packed


def _bytes(packed: np.ndarray, name: str) -> np.ndarray:
    """Bytes of any number type as uint8."""
    if packed.dtype == np.uint8:
        return packed
    if packed.dtype == np.int8:
        return packed.view(np.uint8)
    low, high = (packed.min(), packed.max()) if packed.size else (0, 0)
    is_signed = low < 0
    if not (low >= -128 and high <= (127 if is_signed else _BYTE)) or (packed != np.rint(packed)).any():
        raise EvaluationInputError(
            f"{name} are {packed.dtype} from {low} to {high}: packed bytes are 0 to {_BYTE}, or -128 to 127 if signed; "
            "save them as uint8"
        )
    return packed.astype(np.int8).view(np.uint8) if is_signed else packed.astype(np.uint8)


def packed_codes(codes: Any, bits: int | None, name: str) -> tuple[np.ndarray, int]:
    """Packed codes and their length, from codes as users hand them in: packed if `bits` is given, else two levels."""
    if bits is not None:
        length = whole_number(bits, "bits", 1, "bits of a code")
        return check_packed(codes, length, name), length
    unpacked = two_level_bits(codes, name)
    return np.packbits(unpacked, axis=1, bitorder="little"), unpacked.shape[1]
