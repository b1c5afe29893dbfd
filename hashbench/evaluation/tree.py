# mypy: disable-error-code="call-arg, var-annotated, call-overload, misc, arg-type"
"""Histogram of distances that are given as bit planes: no item is ever looked at alone, and no counter stored per item.

How many of 256 distances equal d is the population count of one AND over their binary digits or the complements. The
digits above the lowest three are split as a binary tree that skips empty branches; at each leaf of the tree eight
distances are counted together, in registers, over all blocks of a batch.
"""

from __future__ import annotations

from hashbench.evaluation.jit import njit
from hashbench.evaluation.simd import WORDS, add_popcounts, any_set, load, store, sum_counters, zeros

MAX_BLOCKS = 31
"""Blocks that may be counted together: a byte counter gains at most 8 from each."""

_LEAF = 3
"""Digits below a leaf."""


@njit(inline="always")
def mask_words(depth, blocks):
    """uint64 words of the scratch space that `add_histogram` needs: masks for every level and the root."""
    return (depth - _LEAF + 1) * blocks * WORDS


@njit(inline="always")
def root_of_masks(depth, blocks):
    """Where in the scratch space the caller puts the root: which items to count, four words a block."""
    return (depth - _LEAF) * blocks * WORDS


@njit()
def add_histogram(digits, origin, depth, at, masks, stride, count, row):
    """Add to `row` the distances of the items in the root masks, walking the tree depth first.

    Args:
        digits: uint64 words; digit j of the i-th block counted lies at `origin + at[i] + j * WORDS`.
        origin: where this query's digits begin.
        depth: binary digits of a distance.
        at: int64, where a block's digits begin after `origin`.
        masks: scratch space of `mask_words(depth, stride)`; level l, block i at `(l * stride + i) * WORDS`; root
            filled in.
        stride: blocks that the scratch space was made for.
        count: blocks to count, at most `stride`; 0 is nothing.
        row: `(K + 1,)` int64.
    """
    last = len(row) - 1
    leaf = 0
    while count and 8 * leaf <= last:
        level = depth - _LEAF - 1
        if leaf:
            level = 0
            while not leaf >> level & 1:
                level += 1
        alive = True
        while alive and level >= 0:
            found = zeros()
            mine, parent = level * stride * WORDS, (level + 1) * stride * WORDS
            plane = origin + (_LEAF + level) * WORDS
            if leaf >> level & 1:
                for i in range(count):
                    mask = load(masks, parent + i * WORDS) & load(digits, plane + at[i])
                    store(masks, mine + i * WORDS, mask)
                    found |= mask
            else:
                for i in range(count):
                    mask = load(masks, parent + i * WORDS) & ~load(digits, plane + at[i])
                    store(masks, mine + i * WORDS, mask)
                    found |= mask
            alive = any_set(found)
            level -= 1
        if alive:
            _count_leaf(digits, origin, at, masks, count, row, 8 * leaf)
            leaf += 1
        else:
            leaf = ((leaf >> (level + 1)) + 1) << (level + 1)


@njit()
def _count_leaf(digits, origin, at, masks, count, row, d):
    """Count the distances d to d + 7 among the items of the leaf's masks."""
    c0, c1, c2, c3, c4, c5, c6, c7 = zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
    for i in range(count):
        mask, plane = load(masks, i * WORDS), origin + at[i]
        low, mid, high = load(digits, plane), load(digits, plane + WORDS), load(digits, plane + 2 * WORDS)
        four = mask & high
        zero = mask ^ four
        six, two = four & mid, zero & mid
        four, zero = four ^ six, zero ^ two
        odd = zero & low
        c0, c1 = add_popcounts(c0, zero ^ odd), add_popcounts(c1, odd)
        odd = two & low
        c2, c3 = add_popcounts(c2, two ^ odd), add_popcounts(c3, odd)
        odd = four & low
        c4, c5 = add_popcounts(c4, four ^ odd), add_popcounts(c5, odd)
        odd = six & low
        c6, c7 = add_popcounts(c6, six ^ odd), add_popcounts(c7, odd)
    sums = (
        sum_counters(c0), sum_counters(c1), sum_counters(c2), sum_counters(c3),
        sum_counters(c4), sum_counters(c5), sum_counters(c6), sum_counters(c7),
    )  # fmt: skip
    for i in range(min(8, len(row) - d)):
        row[d + i] += sums[i]
