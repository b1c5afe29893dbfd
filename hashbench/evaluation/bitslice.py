"""Hamming distances of 256 items at once, as bit planes, without looking at any single item.

A block of 256 items is stored bit-sliced: plane k holds bit k of every item. The distance from a query to all 256 is then a
sum of K one-bit numbers per lane, done with full adders on vectors, and comes out as planes of the distance's binary digits.

What depends on the block alone is done once a block, for all queries (the Four Russians' trick): for every three bits and each of
the eight patterns a query can have there, the two digits of "how many of the three differ" are kept in a table. Of 16 bits, five
such triples and one single bit, a query then picks eleven vectors instead of adding 16.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from hashbench.evaluation.simd import LANES, WORDS, load, store, zeros

SLICE = 16
"""Bits that are added together before they join the running sum: five triples and one."""

_TRIPLES = 5
_PAIR = 2 * WORDS
_TRIPLE_WORDS = 8 * _PAIR
TABLE_WORDS = _TRIPLES * _TRIPLE_WORDS + 2 * WORDS
"""uint64 words of the table of one slice of one block."""


def slices(bits: int) -> int:
    """How many slices of 16 bits a code has."""
    return -(-bits // SLICE)


def digits(bits: int) -> int:
    """How many binary digits a distance needs, counting the padding of the last slice."""
    return (slices(bits) * SLICE).bit_length()


def query_offsets(packed: np.ndarray) -> np.ndarray:
    """Where a query finds its pattern in the table of each slice.

    Args:
        packed: `(Q, ceil(K / 8))` uint8.

    Returns:
        `(Q, slices, 6)` int32 offsets in words: five triples, one bit.
    """
    count = -(-packed.shape[1] // 2)
    padded = np.zeros((len(packed), 2 * count), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    bits = padded.view("<u2").astype(np.int32)[:, :, None]
    triples = np.arange(_TRIPLES)
    start = (np.arange(count) * TABLE_WORDS)[None, :, None]
    offsets = np.empty((len(packed), count, _TRIPLES + 1), dtype=np.int32)
    offsets[:, :, :_TRIPLES] = start + triples * _TRIPLE_WORDS + (bits >> (3 * triples) & 7) * _PAIR
    offsets[:, :, _TRIPLES:] = start + _TRIPLES * _TRIPLE_WORDS + (bits >> 15) * WORDS
    return offsets


@njit(cache=True, parallel=True)
def bit_planes(packed, order, depth):
    """Transpose rows of bits into planes.

    Args:
        packed: `(N, W)` uint8 rows.
        order: `(N,)` int64, which row becomes item i.
        depth: planes to make, at least the number of bits.

    Returns:
        `(blocks, depth * WORDS)` uint64; bit i of the words of plane k is bit k of item i; missing items are zero.
    """
    items, width = packed.shape
    blocks = (items + LANES - 1) // LANES
    planes = np.zeros((blocks, depth * WORDS), dtype=np.uint64)
    for block in prange(blocks):
        square = np.empty(64, dtype=np.uint64)
        for word in range(WORDS):
            first = block * LANES + word * 64
            for start in range(0, width, 8):
                for i in range(64):
                    square[i] = 0
                    if first + i < items:
                        row = packed[order[first + i]]
                        for byte in range(start, min(start + 8, width)):
                            square[i] |= np.uint64(row[byte]) << np.uint64(8 * (byte - start))
                _transpose(square)
                for k in range(min(64, depth - 8 * start)):
                    planes[block, (8 * start + k) * WORDS + word] = square[k]
    return planes


@njit(cache=True)
def _transpose(square):
    """Transpose 64 x 64 bits in place (Warren, Hacker's Delight, 7-3)."""
    width = 32
    mask = np.uint64(0x00000000FFFFFFFF)
    while width:
        shift = np.uint64(width)
        for k in range(64):
            if k & width == 0:
                swap = ((square[k] >> shift) ^ square[k + width]) & mask
                square[k] ^= swap << shift
                square[k + width] ^= swap
        width >>= 1
        mask ^= mask << np.uint64(width)


@njit(cache=True, inline="always")
def full_add(a, b, c):
    """Sum and carry of three one-bit numbers."""
    either = a ^ b
    return either ^ c, (a & b) | (either & c)


@njit(cache=True)
def fill_table(planes, table):
    """Write the table of one block.

    Args:
        planes: `(slices * SLICE * WORDS,)` uint64, the block.
        table: `(slices * TABLE_WORDS,)` uint64, overwritten.
    """
    for piece in range(len(planes) // (SLICE * WORDS)):
        plane, entry = piece * SLICE * WORDS, piece * TABLE_WORDS
        for _ in range(_TRIPLES):
            for pattern in range(8):
                a, b, c = load(planes, plane), load(planes, plane + WORDS), load(planes, plane + 2 * WORDS)
                total, carry = full_add(
                    ~a if pattern & 1 else a, ~b if pattern & 2 else b, ~c if pattern & 4 else c
                )
                store(table, entry, total)
                store(table, entry + WORDS, carry)
                entry += _PAIR
            plane += 3 * WORDS
        store(table, entry, load(planes, plane))
        store(table, entry + WORDS, ~load(planes, plane))


@njit(cache=True, inline="always")
def _add_slice(table, offsets):
    """Differing bits of one slice but its last: four digits; and the last bit."""
    a, b, c = load(table, offsets[0]), load(table, offsets[1]), load(table, offsets[2])
    d, e, last = load(table, offsets[3]), load(table, offsets[4]), load(table, offsets[5])
    ones, twos_1 = full_add(a, b, c)
    ones, twos_2 = full_add(ones, d, e)
    a, b, c = load(table, offsets[0] + WORDS), load(table, offsets[1] + WORDS), load(table, offsets[2] + WORDS)
    d, e = load(table, offsets[3] + WORDS), load(table, offsets[4] + WORDS)
    left, fours_1 = full_add(a, b, c)
    right, fours_2 = full_add(d, e, twos_1)
    twos, fours_3 = full_add(left, right, twos_2)
    fours, eights = full_add(fours_1, fours_2, fours_3)
    return ones, twos, fours, eights, last


@njit(cache=True, inline="always")
def add_distances(table, offsets, out, at, count):
    """Distances from one query to the 256 items of a block, as binary digits.

    Args:
        table: the block's table.
        offsets: `(slices, 6)` of the query.
        out: uint64 words; digit j goes to `out[at + j * WORDS]` and the three words after it.
        count: digits to write, `digits(K)`.
    """
    ones, twos, fours, eights, carry = _add_slice(table, offsets[0])
    store(out, at, ones ^ carry)
    carry &= ones
    store(out, at + WORDS, twos ^ carry)
    carry &= twos
    store(out, at + 2 * WORDS, fours ^ carry)
    carry &= fours
    store(out, at + 3 * WORDS, eights ^ carry)
    store(out, at + 4 * WORDS, eights & carry)
    for digit in range(5, count):
        store(out, at + digit * WORDS, zeros())
    for piece in range(1, len(offsets)):
        ones, twos, fours, eights, carry = _add_slice(table, offsets[piece])
        total, carry = full_add(load(out, at), ones, carry)
        store(out, at, total)
        total, carry = full_add(load(out, at + WORDS), twos, carry)
        store(out, at + WORDS, total)
        total, carry = full_add(load(out, at + 2 * WORDS), fours, carry)
        store(out, at + 2 * WORDS, total)
        total, carry = full_add(load(out, at + 3 * WORDS), eights, carry)
        store(out, at + 3 * WORDS, total)
        for digit in range(4, count):
            held = load(out, at + digit * WORDS)
            store(out, at + digit * WORDS, held ^ carry)
            carry &= held
