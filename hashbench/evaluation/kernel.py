"""Counting kernel for the CPU: histograms straight from bit planes, with no store per item.

A block's 256 distances arrive as binary digits (see `bitslice`). How many of them equal d is the population count of one AND over
the digits or their complements. The digits above the lowest three are split as a binary tree that skips empty branches; below each
leaf of the tree lie eight distances, counted together in registers over all blocks of a batch. Relevance is one more plane at
the root of the tree, so relevant and other items are counted apart and each item once.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, njit, prange

from hashbench.evaluation.bitslice import (
    SLICE,
    TABLE_WORDS,
    add_distances,
    bit_planes,
    digits,
    fill_table,
    query_offsets,
    slices,
)
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.labels import Labels
from hashbench.evaluation.simd import LANES, WORDS, add_popcounts, any_set, load, store, sum_counters, zeros

_BLOCKS = 16
"""Blocks counted together. A byte counter gains at most 8 a block, so 31 would still fit."""

_QUERIES = 64
"""Queries that share a block's table; their digits over all blocks of a batch stay in the second-level cache."""


class CpuBackend:
    """Counts on all cores of the CPU.

    Args:
        codes: `(Q, ceil(K / 8))` packed query codes.
        labels: labels of the queries.
        bits: K.
    """

    chunk = 1 << 18

    def __init__(self, codes: np.ndarray, labels: Labels, bits: int) -> None:
        self._offsets = query_offsets(codes)
        self._labels = labels
        self._bits = bits

    def count(self, codes: np.ndarray, labels: Labels) -> Counts:
        """Counts over `(n, ceil(K / 8))` packed codes and their labels."""
        queries, items = len(self._offsets), len(codes)
        rest = np.zeros((queries, self._bits + 1), dtype=np.int64)
        p = np.zeros_like(rest)
        if labels.classes is None:
            order = np.argsort(labels.values, kind="stable")
            ordered = labels.values[order]
            first = np.searchsorted(ordered, self._labels.values, side="left")
            stop = np.searchsorted(ordered, self._labels.values, side="right")
            label_planes = np.zeros((1, 0), dtype=np.uint64)
        else:
            order = np.arange(items)
            width = -(-labels.classes // 8)
            label_planes = bit_planes(_bytes(labels)[:, :width], order, labels.classes)
            query, label = np.nonzero(np.unpackbits(_bytes(self._labels), axis=1, bitorder="little"))
            first = np.searchsorted(query, np.arange(queries), side="left")
            stop = np.searchsorted(query, np.arange(queries), side="right")
        planes = bit_planes(codes, order, slices(self._bits) * SLICE)
        batch = min(_QUERIES, -(-queries // get_num_threads()))
        labels_of_queries = label if labels.classes is not None else order
        _count(planes, items, self._offsets, digits(self._bits), batch, first, stop, label_planes, labels_of_queries, rest, p)
        return Counts(rest + p, p)


def _bytes(labels: Labels) -> np.ndarray:
    return np.ascontiguousarray(labels.values, dtype="<u8").view(np.uint8)


@njit(cache=True, inline="always")
def _range_mask(first, stop, out):
    """Set bits [first, stop) of one vector; the range may reach beyond it on either side."""
    for word in range(WORDS):
        low, high = min(max(first - 64 * word, 0), 64), min(max(stop - 64 * word, 0), 64)
        below_high = ~np.uint64(0) if high == 64 else (np.uint64(1) << np.uint64(high)) - np.uint64(1)
        below_low = ~np.uint64(0) if low == 64 else (np.uint64(1) << np.uint64(low)) - np.uint64(1)
        out[word] = below_high & ~below_low


@njit(cache=True, inline="always")
def _leaves(digits, blocks, masks, count, depth, row, d, last):
    """Count the eight distances d to d + 7 among the masked items of `count` blocks."""
    c0, c1, c2, c3, c4, c5, c6, c7 = zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
    for i in range(count):
        at = blocks[i] * depth * WORDS
        mask = load(masks, i * WORDS)
        low, mid, high = load(digits, at), load(digits, at + WORDS), load(digits, at + 2 * WORDS)
        m1 = mask & high
        m0 = mask ^ m1
        m11, m01 = m1 & mid, m0 & mid
        m10, m00 = m1 ^ m11, m0 ^ m01
        leaf = m00 & low
        c1, c0 = add_popcounts(c1, leaf), add_popcounts(c0, leaf ^ m00)
        leaf = m01 & low
        c3, c2 = add_popcounts(c3, leaf), add_popcounts(c2, leaf ^ m01)
        leaf = m10 & low
        c5, c4 = add_popcounts(c5, leaf), add_popcounts(c4, leaf ^ m10)
        leaf = m11 & low
        c7, c6 = add_popcounts(c7, leaf), add_popcounts(c6, leaf ^ m11)
    row[d] += sum_counters(c0)
    if d + 7 <= last:
        row[d + 1] += sum_counters(c1)
        row[d + 2] += sum_counters(c2)
        row[d + 3] += sum_counters(c3)
        row[d + 4] += sum_counters(c4)
        row[d + 5] += sum_counters(c5)
        row[d + 6] += sum_counters(c6)
        row[d + 7] += sum_counters(c7)
    else:
        tail = (sum_counters(c1), sum_counters(c2), sum_counters(c3), sum_counters(c4), sum_counters(c5), sum_counters(c6))
        for i in range(last - d):
            row[d + 1 + i] += tail[i]


@njit(cache=True)
def _histogram(digits, blocks, masks, count, depth, row):
    """Add to `row` the distances of the items in `masks[-1]`, walking the tree of the upper digits depth first.

    Args:
        digits: `(_BLOCKS * depth * WORDS,)` uint64, distances of one query.
        blocks: which blocks take part, the first `count` of them.
        masks: `(depth - 2, _BLOCKS * WORDS)` uint64; level l holds the items below the current node, the last the root.
        row: `(K + 1,)` int64.
    """
    top = depth - 4
    last = len(row) - 1
    node = 0
    while 8 * node <= last:
        level = top
        if node:
            level = 0
            while not node >> level & 1:
                level += 1
        alive = True
        while alive and level >= 0:
            found = zeros()
            for i in range(count):
                digit = load(digits, (blocks[i] * depth + 3 + level) * WORDS)
                mask = load(masks[level + 1], i * WORDS)
                mask &= digit if node >> level & 1 else ~digit
                store(masks[level], i * WORDS, mask)
                found |= mask
            alive = any_set(found)
            level -= 1
        if alive:
            _leaves(digits, blocks, masks[0], count, depth, row, 8 * node, last)
            node += 1
        else:
            node = ((node >> (level + 1)) + 1) << (level + 1)


@njit(cache=True, parallel=True)
def _count(planes, items, offsets, depth, batch, first, stop, label_planes, labels, rest, p):
    queries, blocks = len(offsets), len(planes)
    for part in prange((queries + batch - 1) // batch):
        begin, end = part * batch, min((part + 1) * batch, queries)
        table = np.empty(offsets.shape[1] * TABLE_WORDS, dtype=np.uint64)
        digits = np.empty((batch, _BLOCKS * depth * WORDS), dtype=np.uint64)
        p_masks = np.empty((depth - 2, _BLOCKS * WORDS), dtype=np.uint64)
        rest_masks = np.empty((depth - 2, _BLOCKS * WORDS), dtype=np.uint64)
        p_blocks, rest_blocks = np.empty(_BLOCKS, dtype=np.int64), np.empty(_BLOCKS, dtype=np.int64)
        present, relevant_words = np.empty(WORDS, dtype=np.uint64), np.empty(WORDS, dtype=np.uint64)
        for start in range(0, blocks, _BLOCKS):
            count = min(_BLOCKS, blocks - start)
            for i in range(count):
                fill_table(planes[start + i], table)
                for q in range(begin, end):
                    add_distances(table, offsets[q], digits[q - begin], i * depth * WORDS, depth)
            for q in range(begin, end):
                p_count, rest_count = 0, 0
                for i in range(count):
                    item = (start + i) * LANES
                    _range_mask(0, items - item, present)
                    if label_planes.shape[1]:
                        relevant = zeros()
                        for j in range(first[q], stop[q]):
                            relevant |= load(label_planes[start + i], labels[j] * WORDS)
                    else:
                        _range_mask(first[q] - item, stop[q] - item, relevant_words)
                        relevant = load(relevant_words, 0)
                    other = load(present, 0) & ~relevant
                    if any_set(relevant):
                        store(p_masks[depth - 3], p_count * WORDS, relevant)
                        p_blocks[p_count] = i
                        p_count += 1
                    if any_set(other):
                        store(rest_masks[depth - 3], rest_count * WORDS, other)
                        rest_blocks[rest_count] = i
                        rest_count += 1
                _histogram(digits[q - begin], p_blocks, p_masks, p_count, depth, p[q])
                _histogram(digits[q - begin], rest_blocks, rest_masks, rest_count, depth, rest[q])
