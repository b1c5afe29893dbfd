# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""Hamming distances of 256 items at once, as bit planes, without looking at any single item.

A block of 256 items is stored bit-sliced: plane k holds bit k of every item. The distance from a query to all 256 is
then a sum of K one-bit numbers per lane, done with full adders on vectors, and comes out as planes of the distance's
binary digits.

What depends on the block alone is done once a block, for all queries (the Four Russians' trick): for every three bits
and each of the eight patterns a query can have there, the two digits of "how many of the three differ" are kept in a
table. Of 16 bits, five such triples and one single bit, a query then picks eleven vectors instead of adding 16.
"""

from __future__ import annotations

import numpy as np

from hashbench.evaluation.jit import njit
from hashbench.evaluation.simd import WORDS, load, store, zeros

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


@njit(inline="always")
def full_add(a, b, c):
    """Sum and carry of three one-bit numbers."""
    either = a ^ b
    return either ^ c, (a & b) | (either & c)


@njit(inline="always")
def half_add(a, b):
    """Sum and carry of two one-bit numbers."""
    return a ^ b, a & b


@njit()
def fill_table(planes, table):
    """Write the table of one block.

    Args:
        planes: `(slices * SLICE * WORDS,)` uint64, the block's bits.
        table: `(slices * TABLE_WORDS,)` uint64, overwritten.
    """
    for piece in range(len(planes) // (SLICE * WORDS)):
        plane, entry = piece * SLICE * WORDS, piece * TABLE_WORDS
        for _ in range(_TRIPLES):
            for pattern in range(8):
                a, b, c = load(planes, plane), load(planes, plane + WORDS), load(planes, plane + 2 * WORDS)
                total, carry = full_add(~a if pattern & 1 else a, ~b if pattern & 2 else b, ~c if pattern & 4 else c)
                store(table, entry, total)
                store(table, entry + WORDS, carry)
                entry += _PAIR
            plane += 3 * WORDS
        store(table, entry, load(planes, plane))
        store(table, entry + WORDS, ~load(planes, plane))


@njit(inline="always")
def _slice_distance(table, at):
    """Differing bits of one slice: four digits over its triples, and its last bit on its own."""
    a, b, c = load(table, at[0]), load(table, at[1]), load(table, at[2])
    d, e, last = load(table, at[3]), load(table, at[4]), load(table, at[5])
    ones, carry_1 = full_add(a, b, c)
    ones, carry_2 = full_add(ones, d, e)
    a, b, c = load(table, at[0] + WORDS), load(table, at[1] + WORDS), load(table, at[2] + WORDS)
    d, e = load(table, at[3] + WORDS), load(table, at[4] + WORDS)
    left, fours_1 = full_add(a, b, c)
    right, fours_2 = full_add(d, e, carry_1)
    twos, fours_3 = full_add(left, right, carry_2)
    fours, eights = full_add(fours_1, fours_2, fours_3)
    return ones, twos, fours, eights, last


@njit(inline="always")
def add_distances(table, offsets, out, at, depth):
    """Distances from one query to the 256 items of a block, as binary digits.

    Four slices, 64 bits, are added in registers; longer codes then add seven-digit sums in memory.

    Args:
        table: `(slices * TABLE_WORDS,)` uint64 of the block.
        offsets: `(slices, 6)` int32 of the query.
        out: uint64 words; digit j goes to the four from `out[at + j * WORDS]`.
        depth: digits to write, `digits(K)`.
    """
    count = len(offsets)
    for start in range(0, count, 4):
        d0, d1, d2, d3, carry = _slice_distance(table, offsets[start])
        d0, carry = half_add(d0, carry)
        d1, carry = half_add(d1, carry)
        d2, carry = half_add(d2, carry)
        d3, d4 = half_add(d3, carry)
        d5, d6 = zeros(), zeros()
        for piece in range(start + 1, min(start + 4, count)):
            a0, a1, a2, a3, carry = _slice_distance(table, offsets[piece])
            d0, carry = full_add(d0, a0, carry)
            d1, carry = full_add(d1, a1, carry)
            d2, carry = full_add(d2, a2, carry)
            d3, carry = full_add(d3, a3, carry)
            d4, carry = half_add(d4, carry)
            d5, carry = half_add(d5, carry)
            d6 ^= carry
        if start == 0:
            _write_digits(out, at, depth, d0, d1, d2, d3, d4, d5, d6)
        else:
            _accumulate_digits(out, at, depth, d0, d1, d2, d3, d4, d5, d6)


@njit(inline="always")
def _write_digits(out, at, depth, d0, d1, d2, d3, d4, d5, d6):
    store(out, at, d0)
    store(out, at + WORDS, d1)
    store(out, at + 2 * WORDS, d2)
    store(out, at + 3 * WORDS, d3)
    store(out, at + 4 * WORDS, d4)
    if depth > 5:
        store(out, at + 5 * WORDS, d5)
    if depth > 6:
        store(out, at + 6 * WORDS, d6)
    for digit in range(7, depth):
        store(out, at + digit * WORDS, zeros())


@njit()
def _accumulate_digits(out, at, depth, d0, d1, d2, d3, d4, d5, d6):
    total, carry = half_add(load(out, at), d0)
    store(out, at, total)
    total, carry = full_add(load(out, at + WORDS), d1, carry)
    store(out, at + WORDS, total)
    total, carry = full_add(load(out, at + 2 * WORDS), d2, carry)
    store(out, at + 2 * WORDS, total)
    total, carry = full_add(load(out, at + 3 * WORDS), d3, carry)
    store(out, at + 3 * WORDS, total)
    total, carry = full_add(load(out, at + 4 * WORDS), d4, carry)
    store(out, at + 4 * WORDS, total)
    total, carry = full_add(load(out, at + 5 * WORDS), d5, carry)
    store(out, at + 5 * WORDS, total)
    total, carry = full_add(load(out, at + 6 * WORDS), d6, carry)
    store(out, at + 6 * WORDS, total)
    for digit in range(7, depth):
        total, carry = half_add(load(out, at + digit * WORDS), carry)
        store(out, at + digit * WORDS, total)
