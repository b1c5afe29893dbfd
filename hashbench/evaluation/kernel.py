# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""Counting kernel for the CPU: distances as bit planes, histograms by population count, relevance as one more plane.

For a batch of queries and a batch of 256-item blocks, `bitslice` gives all distances as binary digits, which stay in
the second-level cache, and `tree` counts them, relevant and other items apart, so each item is counted once. Database
items are ordered by class first: then nearly every block is relevant to a query as a whole or not at all.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, prange

from hashbench.evaluation.bitslice import SLICE, TABLE_WORDS, add_distances, digits, fill_table, query_offsets, slices
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.jit import njit
from hashbench.evaluation.labels import Labels
from hashbench.evaluation.planes import as_words, bit_planes
from hashbench.evaluation.simd import LANES, WORDS, any_set, load, store, zeros
from hashbench.evaluation.tree import MAX_BLOCKS, add_histogram, mask_words, root_of_masks

_QUERIES = 32
"""Queries that share a block's table; their distances to a batch of blocks take 220 KB at 64 bits."""

_PREFIXES = np.stack([np.packbits(np.arange(LANES) < i, bitorder="little") for i in range(LANES + 1)]).view("<u8")
_PREFIXES = _PREFIXES.astype(np.uint64).ravel()
"""Vector i has the first i bits set."""


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
        queries = len(self._offsets)
        rest = np.zeros((queries, self._bits + 1), dtype=np.int64)
        p = np.zeros_like(rest)
        order, relevance = (
            _single_label(self._labels, labels) if labels.classes is None else _multi_label(self._labels, labels)
        )
        planes = bit_planes(as_words(codes), order, slices(self._bits) * SLICE)
        batch = min(_QUERIES, -(-queries // get_num_threads()))
        depth = digits(self._bits)
        _count_batches(planes, len(codes), self._offsets, depth, batch, *relevance, _PREFIXES, rest, p)
        return Counts(rest + p, p)


_Relevance = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _single_label(queries: Labels, database: Labels) -> tuple[np.ndarray, _Relevance]:
    """The database ordered by class, and for each query the range of its class; no label planes."""
    ids = database.values
    if len(ids) and ids.max() < 1 << 16:
        ids = ids.astype(np.uint16)  # sorted by radix
    order = np.argsort(ids, kind="stable")
    ordered = database.values[order]
    first = np.searchsorted(ordered, queries.values, side="left")
    stop = np.searchsorted(ordered, queries.values, side="right")
    return order, (first, stop, np.zeros((1, 0), dtype=np.uint64), np.zeros(0, dtype=np.int64))


def _multi_label(queries: Labels, database: Labels) -> tuple[np.ndarray, _Relevance]:
    """The database ordered by label set; planes of its labels; and each query's labels, `labels[first:stop]`."""
    order = np.lexsort(database.values.T) if database.values.shape[1] > 1 else np.argsort(database.values[:, 0])
    planes = bit_planes(database.values, order, database.classes)
    bits = np.unpackbits(queries.values.astype("<u8").view(np.uint8), axis=1, bitorder="little")
    query, labels = np.nonzero(bits)
    first = np.searchsorted(query, np.arange(len(queries)), side="left")
    stop = np.searchsorted(query, np.arange(len(queries)), side="right")
    return order, (first, stop, planes, np.ascontiguousarray(labels))


@njit(inline="always")
def _prefix(prefixes, length):
    return load(prefixes, min(max(length, 0), LANES) * WORDS)


@njit(parallel=True)
def _count_batches(planes, items, offsets, depth, batch, first, stop, label_planes, labels, prefixes, rest, p):
    queries = len(offsets)
    for part in prange((queries + batch - 1) // batch):
        begin, end = part * batch, min((part + 1) * batch, queries)
        _count_batch(planes, items, offsets, depth, begin, end, first, stop, label_planes, labels, prefixes, rest, p)


@njit()
def _count_batch(planes, items, offsets, depth, begin, end, first, stop, label_planes, labels, prefixes, rest, p):
    """Count queries begin to end against the chunk; the arguments are as the functions above make them."""
    blocks = len(planes)
    block_words = depth * WORDS
    root = root_of_masks(depth, MAX_BLOCKS)
    table = np.empty(offsets.shape[1] * TABLE_WORDS, dtype=np.uint64)
    digits = np.empty((end - begin) * MAX_BLOCKS * block_words, dtype=np.uint64)
    p_masks = np.empty(mask_words(depth, MAX_BLOCKS), dtype=np.uint64)
    rest_masks = np.empty_like(p_masks)
    p_at, rest_at = np.empty(MAX_BLOCKS, dtype=np.int64), np.empty(MAX_BLOCKS, dtype=np.int64)
    for start in range(0, blocks, MAX_BLOCKS):
        count = min(MAX_BLOCKS, blocks - start)
        for i in range(count):
            fill_table(planes[start + i], table)
            for q in range(begin, end):
                add_distances(table, offsets[q], digits, ((q - begin) * MAX_BLOCKS + i) * block_words, depth)
        for q in range(begin, end):
            p_count, rest_count = 0, 0
            for i in range(count):
                item = (start + i) * LANES
                if label_planes.shape[1]:
                    relevant = zeros()
                    for j in range(first[q], stop[q]):
                        relevant |= load(label_planes[start + i], labels[j] * WORDS)
                else:
                    relevant = _prefix(prefixes, stop[q] - item) & ~_prefix(prefixes, first[q] - item)
                other = _prefix(prefixes, items - item) & ~relevant
                if any_set(relevant):
                    store(p_masks, root + p_count * WORDS, relevant)
                    p_at[p_count] = i * block_words
                    p_count += 1
                if any_set(other):
                    store(rest_masks, root + rest_count * WORDS, other)
                    rest_at[rest_count] = i * block_words
                    rest_count += 1
            origin = (q - begin) * MAX_BLOCKS * block_words
            add_histogram(digits, origin, depth, p_at, p_masks, MAX_BLOCKS, p_count, p[q])
            add_histogram(digits, origin, depth, rest_at, rest_masks, MAX_BLOCKS, rest_count, rest[q])
