"""Work that several processes share: who does which part, and how each comes to hold the whole.

Parts are contiguous and follow one another in rank order. All functions here work on a single process too, where they
exchange nothing; on several, every process has to call them alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

from hashbench.data import BatchLoader
from hashbench.engine.crash import ends_the_program
from hashbench.engine.distributed import rank, world_size
from hashbench.errors import RunFailedError

T = TypeVar("T")
Result = TypeVar("Result")

_PIECE = 1 << 26
"""Bytes sent at a time."""


def parts(count: int) -> list[range]:
    """0 .. count - 1 cut into one range for each process; lengths differ by at most one, so some may be empty."""
    return [range(count * r // world_size(), count * (r + 1) // world_size()) for r in range(world_size())]


def divide_batches(loader: BatchLoader) -> tuple[list[range], list[int]]:
    """Whole batches for each process: their numbers, and how many rows they have together.

    A process works through the very batches that a single one would, so that its results have the same bits: the
    rounding of a matrix product may depend on the number of rows.
    """
    batches = parts(len(loader))
    return batches, [sum(stop - start for start, stop in loader.bounds[part.start : part.stop]) for part in batches]


def from_first(value: T | None) -> T:
    """What the first process gives, on every process; what the others give is not looked at. Pickled on the way."""
    said: list[Any] = [value]
    if world_size() > 1:
        dist.broadcast_object_list(said)
    return said[0]


def in_rank_order(rows: np.ndarray, counts: Sequence[int]) -> Iterator[np.ndarray]:
    """The rows of all processes, in rank order and in pieces of at most 64 MB, on every process.

    Args:
        rows: (counts[rank], ...) those of this process; the other axes and the type are the same on all.
        counts: number of rows of each process.
    """
    if world_size() == 1:
        yield rows
        return
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    length = max(1, _PIECE // max(1, rows.itemsize * math.prod(rows.shape[1:])))
    for source, count in enumerate(counts):
        for start in range(0, count, length):
            shape = (min(length, count - start), *rows.shape[1:])
            piece = rows[start : start + length] if source == rank() else np.empty(shape, rows.dtype)
            sent = torch.from_numpy(np.ascontiguousarray(piece)).to(device)
            dist.broadcast(sent, src=source)
            yield sent.cpu().numpy()


def all_rows(rows: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """`in_rank_order` as one array, (sum of counts, ...)."""
    pieces = list(in_rank_order(rows, counts)) or [rows]
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]


def shared_map(function: Callable[[T], Result], items: Iterable[T]) -> list[Result]:
    """`map`, each process with its part of the items; every process gets all results, pickled on the way, in order."""
    whole = list(items)
    with failing_together():
        results = [function(whole[i]) for i in parts(len(whole))[rank()]]
    if world_size() == 1:
        return results
    gathered: list[Any] = [None] * world_size()
    dist.all_gather_object(gathered, results)
    return [result for part in gathered for result in part]


@contextmanager
def failing_together() -> Iterator[None]:
    """At the end of the block all processes learn whether it failed on one of them, and then every one raises.

    Without it, the others would wait for what the one that failed no longer sends. The block itself exchanges nothing.

    Raises:
        RunFailedError: the block failed on another process, which raises its own error.
    """
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        if ends_the_program(raised):
            raise
        error = raised
    said: list[str | None] = [None]
    if world_size() > 1:
        said = [None] * world_size()
        lines = str(error).splitlines() or [""]
        dist.all_gather_object(said, None if error is None else f"{type(error).__name__}: {lines[0]}")
    if error is not None:
        raise error
    for process, words in enumerate(said):
        if words is not None:
            raise RunFailedError(f"process {process} failed: {words}")
