"""Counting over a database that arrives in pieces: from memory, from a memory-mapped file, or one shard a process."""

from __future__ import annotations

from typing import Any

import numpy as np

from hashbench.evaluation.backends import make_backend
from hashbench.evaluation.codes import packed_codes
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.labels import parse_labels


class HammingCounter:
    """Counts of a fixed set of queries against any number of database pieces.

    Memory is O(Q * K) and one chunk of the database, however large the database is.

    Args:
        query_codes: `(Q, K)` of two levels, or packed `(Q, ceil(bits / 8))` uint8 with `bits`.
        query_labels: `(Q,)` class ids or `(Q, C)` multi-hot.
        bits: code length, if codes are packed (here and in every `update`).
        device: 'cpu' for the numba kernel, or a torch device such as 'cuda' (see `backends`).

    Attributes:
        counts: what has been counted so far.

    Raises:
        EvaluationInputError: codes or labels of a wrong form, or no queries.

    Example:
        >>> import numpy as np
        >>> counter = HammingCounter(np.eye(2), np.array([0, 1]))
        >>> counter.update(np.array([[1, 0], [0, 0]]), np.array([0, 1]))
        >>> counter.counts.n
        array([[1, 1, 0],
               [0, 1, 1]])
    """

    def __init__(self, query_codes: Any, query_labels: Any, *, bits: int | None = None, device: Any = "cpu") -> None:
        self._packed_bits = bits
        self._codes, self.bits = packed_codes(query_codes, bits, "query codes")
        if len(self._codes) == 0:
            raise EvaluationInputError("there are no query codes: give at least one query")
        self._labels = parse_labels(query_labels, len(self._codes), "query labels")
        self._backend = make_backend(self._codes, self._labels, self.bits, device)
        empty = np.zeros((len(self._codes), self.bits + 1), dtype=np.int64)
        self.counts = Counts(empty, empty)

    def update(self, database_codes: Any, database_labels: Any) -> None:
        """Count one more piece of the database.

        Args:
            database_codes: `(n, K)` of two levels, or packed if the queries were. A memory-mapped array is read in
                chunks.
            database_labels: `(n,)` or `(n, C)`, in the form of the query labels.
        """
        if database_labels is None or len(database_labels) != len(database_codes):
            parse_labels(database_labels, len(database_codes), "database labels")
        for start in range(0, len(database_codes), self._backend.chunk):
            codes, bits = packed_codes(
                database_codes[start : start + self._backend.chunk], self._packed_bits, "database codes"
            )
            if bits != self.bits:
                raise EvaluationInputError(
                    f"query codes have {self.bits} bits, database codes {bits}: encode both with the same model"
                )
            labels = parse_labels(database_labels[start : start + self._backend.chunk], len(codes), "database labels")
            self._labels.check_same_form(labels)
            self.counts += self._backend.count(codes, labels)

    def merge(self, other: HammingCounter) -> None:
        """Add what another counter, with the same queries, has counted."""
        same = self.bits == other.bits and np.array_equal(self._codes, other._codes)
        if not same or not np.array_equal(self._labels.values, other._labels.values):
            raise EvaluationInputError("the two counters hold different queries: merge counters of the same queries")
        self.counts += other.counts

    def all_reduce(self, group: Any = None) -> None:
        """Make every process's counts the sum over the processes of a torch.distributed group."""
        self.counts = self.counts.all_reduce(group)
