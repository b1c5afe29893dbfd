"""Rows of packed bits turned into planes: plane k of a block holds bit k of 256 items."""

from __future__ import annotations

import numpy as np

from hashbench.evaluation.jit import njit
from hashbench.evaluation.simd import LANES, WORDS


def as_words(packed: np.ndarray) -> np.ndarray:
    """`(N, W)` uint8 rows as `(N, ceil(W / 8))` uint64 words, bit k in bit k % 64 of word k // 64, zero-padded."""
    if packed.shape[1] % 8:
        packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)


@njit()
def bit_planes(rows, order, depth):
    """Transpose rows of bits into planes.

    Args:
        rows: `(N, W)` uint64 words.
        order: `(N,)` int64, which row becomes item i.
        depth: planes to make.

    Returns:
        `(blocks, depth * WORDS)` uint64; bit i of the words of plane k is bit k of item i; missing items are zero.
    """
    items = len(rows)
    blocks = (items + LANES - 1) // LANES
    planes = np.zeros((blocks, depth * WORDS), dtype=np.uint64)
    for block in range(blocks):
        square = np.empty(64, dtype=np.uint64)
        for word in range(WORDS):
            first = block * LANES + word * 64
            present = min(64, items - first)
            for column in range(min(rows.shape[1], (depth + 63) // 64) if present > 0 else 0):
                for i in range(64):
                    square[i] = rows[order[first + i], column] if i < present else np.uint64(0)
                _transpose(square)
                for k in range(min(64, depth - 64 * column)):
                    planes[block, (64 * column + k) * WORDS + word] = square[k]
    return planes


@njit()
def _transpose(square):
    """Transpose 64 x 64 bits in place (Warren, Hacker's Delight, 7-3)."""
    width = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while width:
        shift = np.uint64(width)
        for start in range(0, 64, 2 * width):
            for k in range(start, start + width):
                swap = ((square[k] >> shift) ^ square[k + width]) & mask
                square[k] ^= swap << shift
                square[k + width] ^= swap
        width >>= 1
        mask ^= mask << np.uint64(width)
