"""Counting in torch, for any device it reaches: XOR of words, population count by bit tricks, one bincount a tile.

A tile of queries x items is the only large array, and its size is fixed, so memory is O(Q * K) beside the codes of one
chunk. On CUDA, where triton is installed, `triton_kernel` counts without the tile.
"""

from __future__ import annotations

import importlib.util
import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from hashbench.evaluation.counts import Counts
from hashbench.evaluation.labels import Labels
from hashbench.evaluation.planes import as_words

_TILE = 1 << 24
"""Pairs in flight at once; each takes some 40 bytes of intermediate results."""

_M1, _M2, _M4, _H01 = 0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F, 0x0101010101010101


class TorchBackend:
    """Counts on a torch device.

    Args:
        codes: `(Q, ceil(K / 8))` packed query codes.
        labels: labels of the queries.
        bits: K.
        device: where to count.
        triton: count by `triton_kernel`, and fail where it fails; False: without it. None: by it on CUDA, where triton
            is installed, and with a warning without it where it cannot be compiled, since it needs a C compiler.
    """

    chunk = 1 << 22

    def __init__(
        self, codes: np.ndarray, labels: Labels, bits: int, device: Any, *, triton: bool | None = None
    ) -> None:
        self._device = torch.device(device)
        self._bits = bits
        self._single = labels.classes is None
        self._queries = self._words(as_words(codes))
        self._labels = self._words(labels.values)
        on_cuda = self._device.type == "cuda"
        self._must = triton is not None
        self._triton = on_cuda and importlib.util.find_spec("triton") is not None if triton is None else triton
        # Triton starts its kernels on the current device, wherever their arguments are.
        self._current = torch.cuda.device(self._device) if on_cuda else nullcontext()

    def count(self, codes: np.ndarray, labels: Labels) -> Counts:
        """Counts over `(n, ceil(K / 8))` packed codes and their labels."""
        database, database_labels = self._words(as_words(codes)), self._words(labels.values)
        with self._current:
            both = self._counted(database, database_labels)
        rest, p = both.cpu().numpy().transpose(1, 0, 2)
        return Counts(rest + p, p.copy())

    def _counted(self, database: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """`(Q, 2, K + 1)` histograms."""
        if self._triton:
            try:
                from hashbench.evaluation.triton_kernel import count_pairs

                return count_pairs(self._queries, database, self._labels, labels, self._single, self._bits)
            except Exception as error:  # no C compiler, no headers of Python, another triton: it fails in many ways
                if self._must:
                    raise
                reason = (str(error).splitlines() or [""])[0][:120]
                warnings.warn(
                    f"triton cannot count on {self._device} ({type(error).__name__}: {reason}); counting in torch, "
                    "which takes longer",
                    stacklevel=2,
                )
                self._triton = False
        both = torch.zeros((len(self._queries), 2, self._bits + 1), dtype=torch.int64, device=self._device)
        for start in range(0, len(self._queries), self._rows(len(database))):
            rows = slice(start, start + self._rows(len(database)))
            for first in range(0, len(database), _TILE):
                items = slice(first, first + _TILE)
                both[rows] += self._tile(rows, database[items], labels[items])
        return both

    def _tile(self, rows: slice, database: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """`(rows, 2, K + 1)` histograms, of other and of relevant items."""
        queries, query_labels = self._queries[rows], self._labels[rows]
        distance = torch.zeros((len(queries), len(database)), dtype=torch.int64, device=self._device)
        for w in range(queries.shape[1]):
            distance += popcount(queries[:, w, None] ^ database[None, :, w])
        if self._single:
            relevant = query_labels[:, None] == labels[None, :]
        else:
            relevant = torch.zeros(distance.shape, dtype=torch.bool, device=self._device)
            for w in range(labels.shape[1]):
                relevant |= (query_labels[:, w, None] & labels[None, :, w]) != 0
        bins = 2 * (self._bits + 1)
        row = torch.arange(len(queries), device=self._device)[:, None] * bins
        cell = row + relevant * (self._bits + 1) + distance
        return torch.bincount(cell.flatten(), minlength=len(queries) * bins).view(len(queries), 2, self._bits + 1)

    def _words(self, values: np.ndarray) -> torch.Tensor:
        """uint64 words as int64, the widest integer that torch computes with everywhere."""
        return torch.from_numpy(np.array(values).view(np.int64)).to(self._device)

    @staticmethod
    def _rows(items: int) -> int:
        return max(1, _TILE // max(items, 1))


def popcount(words: torch.Tensor) -> torch.Tensor:
    """Set bits of every int64 word (Warren, Hacker's Delight, 5-1); the shifts keep the sign, the masks drop it."""
    words = words - ((words >> 1) & _M1)
    words = (words & _M2) + ((words >> 2) & _M2)
    words = (words + (words >> 4)) & _M4
    return (words * _H01) >> 56
