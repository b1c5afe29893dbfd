"""What a run may read of a table: every role but the test queries, which stay sealed until the model is selected."""

from __future__ import annotations

import numpy as np

from hashbench.data.table import DataTable
from hashbench.protocol.split import Split


class Roles:
    """Row numbers by role, with the test queries sealed: no method may see them before selection is over.

    Args:
        table: the data.
        split: the rows of each role.
    """

    def __init__(self, table: DataTable, split: Split) -> None:
        self.table = table
        self._split = split
        self._selection: str | None = None

    @property
    def train(self) -> np.ndarray:
        """(n,) int64, the rows that methods learn from."""
        return self._split.train

    @property
    def validation(self) -> np.ndarray:
        """(n,) int64, the queries that select."""
        return self._split.validation

    @property
    def validation_database(self) -> np.ndarray:
        """(n,) int64, what validation queries are searched in."""
        return self._split.validation_database

    @property
    def database(self) -> np.ndarray:
        """(n,) int64, what test queries are searched in."""
        return self._split.database

    @property
    def test(self) -> np.ndarray:
        """(n,) int64, the test queries.

        Raises:
            RuntimeError: before `unseal`.
        """
        if self._selection is None:
            raise RuntimeError("the test queries are sealed until a model is selected: call unseal(selection) first")
        return self._split.test

    @property
    def split_checksum(self) -> str:
        """sha256 (hex) of the split."""
        return self._split.checksum

    @property
    def selection(self) -> str | None:
        """What was selected, as told to `unseal`; None while the test queries are sealed."""
        return self._selection

    def unseal(self, selection: str) -> None:
        """Open the test queries, once, for the model that was selected.

        Args:
            selection: which epoch or checkpoint was selected, and by what.

        Raises:
            ValueError: an empty text.
            RuntimeError: they were opened for another selection before.
        """
        if not selection.strip():
            raise ValueError("say which epoch or checkpoint was selected")
        if self._selection not in (None, selection):
            raise RuntimeError(f"the test queries were opened for {self._selection!r}, not for {selection!r}")
        self._selection = selection
