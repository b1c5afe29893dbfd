"""Batches out of memory: rows are picked on the device by one index_select, then transformed there together.

The order of an epoch and its augmentation are pure functions of (seed, purpose, epoch, batch number): a resumed run
sees the batches of an uninterrupted one, and several processes divide the batches of a single one among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hashbench.data.seeding import generator
from hashbench.data.table import DataTable
from hashbench.data.transform import DeviceTransform, Draw
from hashbench.errors import UserError


class Rows:
    """What a loader reads, as a data set in mmengine's sense: a length in rows, and plain facts about the data."""

    def __init__(self, table: DataTable, count: int) -> None:
        self.metainfo: dict[str, Any] = {"name": table.name, "num_classes": table.num_classes}
        self._count = count

    def __len__(self) -> int:
        return self._count


class BatchLoader:
    """Batches of some rows of a table. `len(loader)` is the number of batches of an epoch.

    A batch is a dict of tensors on the device: `inputs`, float32, as the transform gives them; `labels`, (b,) int64 or
    (b, C) uint8; `index`, (b,) int64, the positions in `indices`, 0 .. n - 1.

    A last batch with fewer than two samples per process is merged into the one before: batch norm cannot take one.

    Attributes:
        bounds: (start, stop) of every global batch, as places in an epoch's order.

    Args:
        table: the data. Loaders that share a table and a device share the copy there.
        indices: (n,) row numbers of the table.
        batch_size: samples in the global batch, over all processes.
        transform: from stored rows to network inputs.
        device: where batches are made.
        shuffle: a new order each epoch; otherwise the order of `indices`.
        seed, purpose: name the stream of the order, see `hashbench.data.seeding`.
        rank, world_size: this process takes its contiguous slice of every global batch; slices differ by at most one
            sample, no sample is repeated.

    Raises:
        UserError: no rows, rows outside the table, fewer rows or a smaller batch than the processes need.
    """

    def __init__(
        self,
        table: DataTable,
        indices: ArrayLike,
        *,
        batch_size: int,
        transform: DeviceTransform,
        device: torch.device | str = "cpu",
        shuffle: bool = False,
        seed: int = 0,
        purpose: str = "data",
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        rows = np.asarray(indices, dtype=np.int64)
        _check(table, rows, batch_size, world_size, shuffle)
        self.device = torch.device(device)
        self.dataset = Rows(table, len(rows))
        self.batch_size, self.transform, self.shuffle = batch_size, transform, shuffle
        self.seed, self.purpose, self.rank, self.world_size = seed, purpose, rank, world_size
        self.epoch = 0
        self._store = table.on(self.device)
        self._rows = torch.from_numpy(rows.copy()).to(self.device)
        self.bounds = _batch_bounds(len(rows), batch_size, smallest=2 * world_size)

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def labels(self) -> Tensor:
        """Labels of all rows in the order of `indices`, on the device."""
        return self._store.labels.index_select(0, self._rows)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through; it stays until the next call."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return self.batches(range(len(self)))

    def batches(self, numbers: Iterable[int]) -> Iterator[dict[str, Tensor]]:
        """Some batches of the epoch, by number: the very batches that going through all of them gives."""
        epoch = self.epoch
        order = self._order(epoch).to(self.device)
        for number in numbers:
            start, stop = self.bounds[number]
            count = stop - start
            low, high = (count * rank // self.world_size for rank in (self.rank, self.rank + 1))
            draw: Draw | None = None
            if self.transform.augment != "none":
                draw = self.transform.draw(count, generator(self.seed, "augment", epoch, number)).part(low, high)
            yield self._batch(order[start + low : start + high], draw)

    def _order(self, epoch: int) -> Tensor:
        if not self.shuffle:
            return torch.arange(len(self._rows))
        return torch.randperm(len(self._rows), generator=generator(self.seed, self.purpose, epoch))

    def _batch(self, positions: Tensor, draw: Draw | None) -> dict[str, Tensor]:
        rows = self._rows.index_select(0, positions)
        inputs = self.transform(self._store.pick(rows), draw)
        return {"inputs": inputs, "labels": self._store.labels.index_select(0, rows), "index": positions}


def _batch_bounds(count: int, batch_size: int, smallest: int) -> list[tuple[int, int]]:
    """(start, stop) of every batch; a last one shorter than `smallest` and than `batch_size` joins the one before."""
    starts = list(range(0, count, batch_size))
    if len(starts) > 1 and count - starts[-1] < min(smallest, batch_size):
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))


def _check(table: DataTable, rows: np.ndarray, batch_size: int, world_size: int, shuffle: bool) -> None:
    if rows.ndim != 1 or not len(rows):
        raise UserError(f"{table.name}: a loader needs a list of at least one row number, got shape {rows.shape}")
    if rows.min() < 0 or rows.max() >= len(table):
        raise UserError(
            f"{table.name}: rows {rows.min()}..{rows.max()} are asked for, the table has 0..{len(table) - 1}"
        )
    least = 2 * world_size if shuffle else world_size
    what = "two samples per process, for batch norm" if shuffle else "one sample per process"
    if min(batch_size, len(rows)) < least:
        raise UserError(
            f"{table.name}: a batch of {batch_size} from {len(rows)} rows over {world_size} process(es): at least "
            f"{least} needed ({what}); use a larger batch, more rows or fewer processes"
        )
