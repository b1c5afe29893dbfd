"""Counting over a database that arrives in pieces: from memory, from a memory-mapped file, or one shard a process."""

from __future__ import annotations

from typing import Any

import numpy as np

from hashbench.evaluation.backends import make_backend
from hashbench.evaluation.codes import packed_codes
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.labels import Labels, by_item, parse_labels
from hashbench.evaluation.numbers import as_numpy


class HammingCounter:
    """Counts of a fixed set of queries against any number of database pieces.

    Memory is O(Q * K) and one chunk of the database, however large the database is.

    Args:
        query_codes: `(Q, K)` of two levels, or packed `(Q, ceil(bits / 8))` uint8 with `bits`.
        query_labels: `(Q,)` class ids (whole numbers, or words) or `(Q, C)` multi-hot.
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
        self._seen, self._same = 0, True

    @property
    def is_own_database(self) -> bool:
        """Whether the pieces so far are the queries, item by item, codes and labels."""
        return self._same and self._seen == len(self._codes)

    def leave_one_out(self) -> Counts:
        """The counts without each query itself, where the database is the queries.

        Exact: a query is at distance 0 from itself, and relevant to itself if it has any label.

        Raises:
            EvaluationInputError: the pieces were not the queries in their order.
        """
        if not self.is_own_database:
            raise EvaluationInputError(
                f"leave_one_out needs the {len(self._codes)} queries as the database, the same codes and labels in the "
                f"same order; the {self._seen} database items are others"
            )
        return self.counts.without(self._labels.some())

    def update(self, database_codes: Any, database_labels: Any) -> None:
        """Count one more piece of the database.

        Args:
            database_codes: `(n, K)` of two levels, or packed if the queries were. A memory-mapped array is read in
                chunks.
            database_labels: `(n,)` or `(n, C)`, in the form of the query labels.
        """
        if not hasattr(database_codes, "shape"):
            database_codes = as_numpy(database_codes)
        if not database_codes.shape:
            packed_codes(database_codes, self._packed_bits, "database codes")
        database_labels = by_item(database_labels, len(database_codes), "database labels")
        for start in range(0, len(database_codes), self._backend.chunk):
            codes, bits = packed_codes(
                database_codes[start : start + self._backend.chunk], self._packed_bits, "database codes"
            )
            if bits != self.bits:
                raise EvaluationInputError(
                    f"query codes have {self.bits} bits, database codes {bits}: encode both with the same model"
                )
            of_chunk = database_labels[start : start + self._backend.chunk]
            labels = parse_labels(of_chunk, len(codes), "database labels", self._labels)
            self._compare(codes, labels)
            self.counts += self._backend.count(codes, labels)

    def merge(self, other: HammingCounter) -> None:
        """Add what another counter, with the same queries, has counted."""
        same = self.bits == other.bits and np.array_equal(self._codes, other._codes)
        if not same or not self._labels.same_as(other._labels):
            raise EvaluationInputError("the two counters hold different queries: merge counters of the same queries")
        self.counts += other.counts
        self._same = False  # the order of all items is not known

    def _compare(self, codes: np.ndarray, labels: Labels) -> None:
        """Note whether a piece goes on being the queries."""
        place = slice(self._seen, self._seen + len(codes))
        self._seen += len(codes)
        if self._same:
            own = np.array_equal(self._codes[place], codes)
            self._same = own and np.array_equal(self._labels.values[place], labels.values)

    def all_reduce(self, group: Any = None) -> None:
        """Make every process's counts the sum over the processes of a torch.distributed group."""
        self.counts = self.counts.all_reduce(group)
        self._same = False
