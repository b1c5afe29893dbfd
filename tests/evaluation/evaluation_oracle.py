"""Slow, plain definitions to hold the package against: one sort a query, loops over places, all orders of ties."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st


def distances(query: np.ndarray, database: np.ndarray) -> np.ndarray:
    return (query[None, :] != database).sum(axis=1)


def relevance(query_label: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if labels.ndim == 1:
        return labels == query_label
    return (labels.astype(int) * query_label.astype(int)).sum(axis=1) > 0


def histograms(queries: np.ndarray, database: np.ndarray, query_labels: np.ndarray, labels: np.ndarray):
    length = queries.shape[1] + 1
    n = np.zeros((len(queries), length), dtype=np.int64)
    p = np.zeros_like(n)
    for q, code in enumerate(queries):
        d = distances(code, database)
        n[q] = np.bincount(d, minlength=length)
        p[q] = np.bincount(d[relevance(query_labels[q], labels)], minlength=length)
    return n, p


def orders(d: np.ndarray) -> Iterator[list[int]]:
    """Every ranking that sorts by distance."""
    groups = [np.flatnonzero(d == value).tolist() for value in np.unique(d)]
    for parts in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield list(itertools.chain(*parts))


def random_order(d: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.lexsort((rng.random(len(d)), d))


def metrics(relevant: np.ndarray, T: int, denominator: str) -> dict[str, float]:
    """Every metric of one ranked list of relevances, from its definition."""
    R, hits, precisions, gain, full = int(relevant.sum()), 0, 0.0, 0.0, 0.0
    found = 0
    for rank, is_relevant in enumerate(relevant, start=1):
        if not is_relevant:
            continue
        found += 1
        full += found / rank
        if rank <= T:
            hits += 1
            precisions += found / rank
            gain += 1 / np.log2(rank + 1)
    divisor = {"retrieved": hits, "capped": min(R, T), "all": R}[denominator]
    ideal = sum(1 / np.log2(rank + 1) for rank in range(1, min(R, T) + 1))
    return {
        "ap": full / R,
        f"ap@{T}": precisions / divisor if divisor else 0.0,
        f"precision@{T}": hits / min(T, len(relevant)),
        f"recall@{T}": hits / R,
        f"ndcg@{T}": gain / ideal,
    }


@st.composite
def cases(draw, max_items: int = 6, max_bits: int = 4, queries: int = 1):
    """Codes and labels with many ties: (query_codes, database_codes, query_labels, database_labels)."""
    bits = draw(st.integers(1, max_bits))
    items = draw(st.integers(1, max_items))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from(["random", "all tied", "skewed"]))
    database = rng.random((items, bits)) < {"random": 0.5, "all tied": 0.0, "skewed": 0.15}[shape]
    codes = rng.random((queries, bits)) < 0.5
    if draw(st.booleans()):
        classes = draw(st.integers(2, 70))  # one column would be ids
        query_labels, labels = (rng.random((rows, classes)) < min(1, 1.5 / classes) for rows in (queries, items))
        if draw(st.booleans()):
            labels[rng.integers(items), :] = query_labels[0, :] = True
    else:
        query_labels, labels = rng.integers(0, 3, queries), rng.integers(0, 3, items)
    return codes, database, query_labels, labels
