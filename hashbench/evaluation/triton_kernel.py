"""Counting on CUDA in one kernel: each program keeps one query's histograms and walks over a span of the database.

A pair costs two words of XOR and some 25 integer operations of population count per 64 bits, and one shared-memory
increment; the database's codes are read from the second-level cache once for each query. Nothing of size Q x N exists.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

_BLOCK = 1024
_SPAN = 64 * _BLOCK


@triton.jit
def _count(
    queries,
    database,
    query_labels,
    labels,
    histograms,
    items,
    WORDS: tl.constexpr,
    LABEL_WORDS: tl.constexpr,
    SINGLE: tl.constexpr,
    LENGTH: tl.constexpr,
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
    SPAN: tl.constexpr,
):
    query = tl.program_id(0).to(tl.int64)
    start = tl.program_id(1) * SPAN
    histogram = tl.zeros([BINS], dtype=tl.int32)
    for offset in range(0, SPAN, BLOCK):
        item = start + offset + tl.arange(0, BLOCK)
        live = item < items
        distance = tl.zeros([BLOCK], dtype=tl.int32)
        for w in tl.static_range(WORDS):
            x = tl.load(database + w * items + item, mask=live, other=0) ^ tl.load(queries + query * WORDS + w)
            x = x - ((x >> 1) & 0x55555555)
            x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
            x = (x + (x >> 4)) & 0x0F0F0F0F
            distance += (x & 0xFF) + ((x >> 8) & 0xFF) + ((x >> 16) & 0xFF) + ((x >> 24) & 0xFF)
        shared = tl.zeros([BLOCK], dtype=tl.int32)
        for w in tl.static_range(LABEL_WORDS):
            theirs = tl.load(labels + w * items + item, mask=live, other=0)
            mine = tl.load(query_labels + query * LABEL_WORDS + w)
            shared = shared | (theirs ^ mine if SINGLE else theirs & mine)
        relevant = (shared == 0) if SINGLE else (shared != 0)
        cell = distance + tl.where(relevant, LENGTH, 0)
        histogram += tl.histogram(tl.where(live, cell, BINS - 1), BINS)
    cells = tl.arange(0, BINS)
    tl.atomic_add(histograms + query * BINS + cells, histogram, mask=cells < 2 * LENGTH)


def count_pairs(
    queries: torch.Tensor,
    database: torch.Tensor,
    query_labels: torch.Tensor,
    labels: torch.Tensor,
    single: bool,
    bits: int,
) -> torch.Tensor:
    """Histograms of all pairs.

    Args:
        queries, database: `(Q, W)` and `(n, W)` int64 words of codes, on one device; n below 2^31.
        query_labels, labels: ids `(Q,)` and `(n,)` if `single`, else label words `(Q, L)` and `(n, L)`, all int64.
        single: whether relevance is equality of ids or a common set bit.
        bits: K.

    Returns:
        `(Q, 2, K + 1)` int64: other items, relevant items.
    """
    length = bits + 1
    bins = triton.next_power_of_2(2 * length + 1)
    histograms = torch.zeros((len(queries), bins), dtype=torch.int32, device=queries.device)
    query_words, query_label_words = _halves(queries), _halves(query_labels)
    if len(database):
        span = min(_SPAN, triton.cdiv(len(database), _BLOCK) * _BLOCK)
        _count[(len(queries), triton.cdiv(len(database), span))](
            query_words,
            _halves(database).T.contiguous(),
            query_label_words,
            _halves(labels).T.contiguous(),
            histograms,
            len(database),
            WORDS=query_words.shape[1],
            LABEL_WORDS=query_label_words.shape[1],
            SINGLE=single,
            LENGTH=length,
            BINS=bins,
            BLOCK=_BLOCK,
            SPAN=span,
        )
    return histograms[:, : 2 * length].to(torch.int64).view(len(queries), 2, length)


def _halves(words: torch.Tensor) -> torch.Tensor:
    """`(rows, words)` int64 as twice as many int32, which GPUs add at full rate."""
    return words.reshape(len(words), -1).contiguous().view(torch.int32)
