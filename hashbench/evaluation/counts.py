"""The two histograms over Hamming distance that every metric is a closed form of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hashbench.evaluation.ball import Ball
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.numbers import whole_number


@dataclass(frozen=True)
class Counts:
    """How many database items, and how many relevant ones, lie at each distance from each query.

    Attributes:
        n: `(Q, K + 1)` int64, items at distance d.
        p: `(Q, K + 1)` int64, relevant items at distance d.
    """

    n: np.ndarray
    p: np.ndarray

    @property
    def queries(self) -> int:
        """Q, the number of queries."""
        return self.n.shape[0]

    @property
    def bits(self) -> int:
        """K, the code length."""
        return self.n.shape[1] - 1

    @property
    def database_size(self) -> int:
        """N, the number of database items (the same for every query)."""
        return int(self.n[0].sum()) if self.queries else 0

    @cached_property
    def relevant(self) -> np.ndarray:
        """R, `(Q,)` int64: relevant items of each query."""
        return self.p.sum(axis=1)

    def within(self, radius: int) -> Ball:
        """What lies at distance `radius` or nearer: arrays `(Q,)`."""
        radius = whole_number(radius, "the radius", 0, "bits")
        return Ball(self.n[:, : radius + 1].sum(axis=1), self.p[:, : radius + 1].sum(axis=1), self.relevant)

    def within_each(self) -> Ball:
        """The same for every radius 0..K: arrays `(Q, K + 1)`."""
        return Ball(np.cumsum(self.n, axis=1), np.cumsum(self.p, axis=1), self.relevant)

    def nearest_tied(self) -> np.ndarray:
        """`(Q,)` bool: whether the items at the smallest distance that occurs are more than one."""
        nearest = np.argmax(self.n > 0, axis=1)
        return self.n[np.arange(self.queries), nearest] > 1

    def without(self, relevant: np.ndarray) -> Counts:
        """The counts without one item at distance 0 from each query: itself, where the queries are the database.

        Args:
            relevant: `(Q,)` bool, whether the item is relevant to the query.
        """
        n, p = self.n.copy(), self.p.copy()
        n[:, 0] -= 1
        p[:, 0] -= relevant
        return Counts(n, p)

    def __add__(self, other: Counts) -> Counts:
        """The counts over two disjoint shards of the database, for the same queries."""
        if self.n.shape != other.n.shape:
            raise EvaluationInputError(
                f"counts of shapes {self.n.shape} and {other.n.shape} differ: same queries, same bits"
            )
        return Counts(self.n + other.n, self.p + other.p)

    def all_reduce(self, group: Any = None) -> Counts:
        """The sum over all processes of a torch.distributed group, each of which counted its own shard.

        Args:
            group: a process group, None for the default one. gloo and nccl both work.
        """
        import torch
        import torch.distributed as dist

        both = torch.from_numpy(np.stack([self.n, self.p]))
        if dist.get_backend(group) == "nccl":
            both = both.cuda()
        dist.all_reduce(both, group=group)
        n, p = both.cpu().numpy()
        return Counts(n, p)
