"""How fast the counting kernel is, beside what else one could use, on the same codes in one run.

    python benchmarks/evaluation.py [--rounds 5] [--quick] [--cpu-time]

Rivals, each giving what a mAP needs and nothing more:
  argsort   one numpy argsort a query, the loop that most published numbers come from (on some queries, scaled up)
  topk      torch.topk of the dense distance matrix from one matrix product, 100 queries at a time
  faiss     IndexBinaryFlat.search with k = N (at most 5,000), which returns ranks but no relevance
and the limit: XOR and population count of all pairs on all cores, with no counting at all.

The clock covers what a caller waits for: `HammingCounter.update`, with ordering by class and bit-slicing; bringing
codes into each contestant's own form is outside for all. Every time is the best of the rounds; a round runs every
contestant once, so that a busy machine hits all of them.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import torch
from numba import njit, prange

from hashbench.evaluation import HammingCounter, evaluate_counts, unpack_codes
from hashbench.evaluation.conventions import usual_map
from hashbench.evaluation.planes import as_words
from hashbench.evaluation.simd import popcount

Clock = Callable[[], float]


@dataclass(frozen=True)
class Case:
    """One problem: random codes, ids of ten classes or multi-hot of 21."""

    queries: int
    items: int
    bits: int
    multi_label: bool = False

    @property
    def pairs(self) -> int:
        return self.queries * self.items

    @property
    def title(self) -> str:
        return f"{self.queries:,} x {self.items:,}, {self.bits} bits{', 21 labels' if self.multi_label else ''}"


CASES = [
    Case(1_000, 54_000, 16),
    Case(1_000, 54_000, 64),
    Case(5_000, 10_000, 16),
    Case(5_000, 10_000, 64),
    Case(2_100, 193_734, 16, multi_label=True),
    Case(2_100, 193_734, 64, multi_label=True),
    Case(10_000, 1_000_000, 64),
]


class Data:
    """Packed codes and labels of a case."""

    def __init__(self, case: Case, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.case = case
        shapes = ((case.queries, case.bits // 8), (case.items, case.bits // 8))
        self.queries, self.database = (rng.integers(0, 256, size=shape, dtype=np.uint8) for shape in shapes)
        if case.multi_label:
            # Frequencies that fall off as in photo collections: the commonest label on 40 % of the items.
            share = 0.4 / np.arange(1, 22)
            self.query_labels, self.labels = (rng.random((rows, 21)) < share for rows in (case.queries, case.items))
            self.query_labels[~self.query_labels.any(axis=1), 0] = True
        else:
            self.query_labels, self.labels = rng.integers(0, 10, case.queries), rng.integers(0, 10, case.items)

    def signs(self, rows: slice) -> np.ndarray:
        """Query codes as float32 of -1 and +1."""
        return np.where(unpack_codes(self.queries[rows], self.case.bits), 1, -1).astype(np.float32)

    def multi_hot(self, labels: np.ndarray) -> np.ndarray:
        """Labels as float32 multi-hot, which the usual loop takes."""
        return (labels if self.case.multi_label else np.eye(10)[labels]).astype(np.float32)


def hashbench(data: Data, clock: Clock) -> tuple[float, int]:
    counter = HammingCounter(data.queries, data.query_labels, bits=data.case.bits)
    start = clock()
    counter.update(data.database, data.labels)
    return clock() - start, data.case.queries


def metrics(data: Data, clock: Clock) -> tuple[float, int]:
    """All metrics from the counts, at one cut-off."""
    counter = HammingCounter(data.queries, data.query_labels, bits=data.case.bits)
    counter.update(data.database[:10_000], data.labels[:10_000])
    start = clock()
    evaluate_counts(counter.counts, topk=5000)
    return clock() - start, data.case.queries


def argsort(data: Data, clock: Clock) -> tuple[float, int]:
    rows = min(data.case.queries, max(2, 2_000_000 // data.case.items))
    database = np.where(unpack_codes(data.database, data.case.bits), 1, -1).astype(np.float32)
    codes = data.signs(slice(rows))
    query_labels, labels = data.multi_hot(data.query_labels[:rows]), data.multi_hot(data.labels)
    start = clock()
    usual_map(codes, database, query_labels, labels, data.case.items)
    return clock() - start, rows


def topk(data: Data, clock: Clock) -> tuple[float, int]:
    rows = min(data.case.queries, max(2, 10_000_000 // data.case.items))
    database = torch.from_numpy(np.where(unpack_codes(data.database, data.case.bits), 1, -1).astype(np.float32))
    codes = torch.from_numpy(data.signs(slice(rows)))
    start = clock()
    for first in range(0, rows, 100):
        similarity = codes[first : first + 100] @ database.T
        torch.topk(similarity, min(5000, data.case.items), dim=1)
    return clock() - start, rows


def faiss(data: Data, clock: Clock) -> tuple[float, int]:
    import faiss

    rows = min(data.case.queries, max(2, 20_000_000 // data.case.items))
    index = faiss.IndexBinaryFlat(data.case.bits)
    index.add(data.database)
    start = clock()
    index.search(data.queries[:rows], min(5000, data.case.items))
    return clock() - start, rows


@njit(parallel=True, fastmath=True)
def _sum_distances(queries, database, out):
    for q in prange(len(queries)):
        total = np.uint64(0)
        for i in range(len(database)):
            total += popcount(queries[q, 0] ^ database[i, 0])
        out[q] = total


def limit(data: Data, clock: Clock) -> tuple[float, int]:
    rows = min(data.case.queries, max(64, 200_000_000 // data.case.items))
    queries, database = as_words(data.queries[:rows]), as_words(data.database)
    out = np.empty(rows, dtype=np.uint64)
    start = clock()
    for first in range(0, data.case.items, 2000):
        _sum_distances(queries, database[first : first + 2000], out)
    return clock() - start, rows


CONTESTANTS: dict[str, Callable[[Data, Clock], tuple[float, int]]] = {
    "hashbench": hashbench,
    "argsort": argsort,
    "topk": topk,
    "faiss": faiss,
    "limit": limit,
    "metrics": metrics,
}


def measure(data: Data, rounds: int, clock: Clock) -> dict[str, float]:
    """Best seconds for all queries, by contestant."""
    best = dict.fromkeys(CONTESTANTS, float("inf"))
    for _ in range(rounds):
        for name, contestant in CONTESTANTS.items():
            seconds, rows = contestant(data, clock)
            best[name] = min(best[name], seconds * data.case.queries / rows)
    return best


def use_one_thread() -> None:
    """Keep every contestant on one thread; numpy's matrix products may still use more, and all of it is counted."""
    import faiss

    numba.set_num_threads(1)
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)


def machine() -> str:
    """CPU model, cores and versions."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return (
        f"{model}, {numba.get_num_threads()} cores; Python {platform.python_version()}, numpy {np.__version__}, "
        f"numba {numba.__version__}, torch {torch.__version__}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of every contestant")
    parser.add_argument("--quick", action="store_true", help="leave out the case of 10^10 pairs")
    parser.add_argument("--cpu-time", action="store_true", help="one thread each and its CPU time, for a busy machine")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    if arguments.cpu_time:
        use_one_thread()
    measure(Data(Case(64, 512, 64)), 1, clock)  # compile, or load what was compiled
    print(machine(), end="\n\n")
    names = ("argsort", "topk", "faiss")
    print(
        "| case | ours, s | pairs/s | share of the limit |", " | ".join(f"x {name}" for name in names), "| metrics, s |"
    )
    print("| --- |" + " ---: |" * (len(names) + 4))
    for case in CASES[: -1 if arguments.quick else None]:
        best = measure(Data(case), arguments.rounds if case.pairs < 1e9 else min(2, arguments.rounds), clock)
        ours = best["hashbench"]
        ratios = " | ".join(f"{best[name] / ours:,.0f}" for name in names)
        print(
            f"| {case.title} | {ours:.4f} | {case.pairs / ours:.2e} | {best['limit'] / ours:.2f} | {ratios} "
            f"| {best['metrics']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
