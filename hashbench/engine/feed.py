"""Where batches come from: images through the transform, or features of a frozen backbone, computed once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import nn

from hashbench.backbones.extract import extract_features
from hashbench.cache import FeatureCache, collect
from hashbench.data import BatchLoader, DataTable, DeviceTransform
from hashbench.engine.distributed import rank, world_size
from hashbench.engine.sharing import divide_batches, failing_together, from_first, in_rank_order

EVALUATED = {"image": 256, "feature": 1024}
"""Rows at a time where nothing is trained. Rows of features are small: of more at a time, the fixed cost of a batch (in
bf16 the weights are rounded anew for each) is divided by more."""


@dataclass
class Feed:
    """Loaders over rows of a table.

    Args:
        table: the data.
        transform: for training; `plain` without augmentation, for everything else.
        batch_size: of the global batch in training; evaluation uses at least `EVALUATED`.
    """

    table: DataTable
    transform: DeviceTransform
    plain: DeviceTransform
    batch_size: int
    device: str
    seed: int
    rank: int = 0
    world_size: int = 1

    def training(self, rows: np.ndarray) -> BatchLoader:
        """Shuffled, augmented batches of `rows`; this process's slice of each."""
        return self._loader(
            rows, self.transform, self.batch_size, shuffle=True, rank=self.rank, world_size=self.world_size
        )

    def ordered(self, rows: np.ndarray) -> BatchLoader:
        """`rows` in order, not augmented. Whole on every process; those that share the work take `batches` of it."""
        return self._loader(rows, self.plain, max(EVALUATED[self.kind], self.batch_size))

    @property
    def kind(self) -> Literal["image", "feature"]:
        """Of what the loaders give."""
        return self.table.kind

    def content(self) -> dict[str, Any]:
        """All that what the ordered loaders give depends on, beside the rows; plain values."""
        return {"data": self.table.checksum, "transform": self.plain.describe()}

    def _loader(self, rows: np.ndarray, transform: DeviceTransform, batch_size: int, **options: Any) -> BatchLoader:
        return BatchLoader(
            self.table, rows, batch_size=batch_size, transform=transform, device=self.device, seed=self.seed, **options
        )


@dataclass
class FrozenFeed(Feed):
    """Loaders over cached features. Rows are asked for by their number in the original table, as in `Feed`.

    Features of the test queries are not computed before someone asks for them.

    Args:
        backbone: frozen, on `device`.
        key: all that the features depend on beside the rows, for the cache.
    """

    backbone: nn.Module = field(kw_only=True)
    key: dict[str, Any] = field(kw_only=True)
    precision: str = field(kw_only=True)
    cache: FeatureCache = field(default_factory=FeatureCache, kw_only=True)
    _tables: list[tuple[np.ndarray, DataTable]] = field(default_factory=list, init=False)

    @property
    def kind(self) -> Literal["image", "feature"]:
        """Features."""
        return "feature"

    def content(self) -> dict[str, Any]:
        """The key of the cached features."""
        return self.key

    def prepare(self, rows: np.ndarray) -> None:
        """Make sure that the features of `rows` (sorted, unique) are there."""
        name = (str(self.cache.root), json.dumps(self.key, sort_keys=True), rows.tobytes())
        self._tables.append((rows, kept(_TABLES, name, lambda: self._read(rows))))

    def _read(self, rows: np.ndarray) -> DataTable:
        features = torch.from_numpy(np.array(self._features(rows)))
        labels = self.table.labels[torch.from_numpy(rows)]
        return DataTable(f"{self.table.name} features", features, labels, self.table.num_classes)

    def _features(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) float32, from the cache, or computed by all processes together and kept by the first.

        Only the first one looks, and holds the cache's lock; it tells the others whether it needs them. If not, they
        read what it has found.
        """
        width = int(self.backbone.out_features)  # type: ignore[arg-type]
        if rank() == 0:
            asked = False

            def compute(rows: np.ndarray) -> Iterator[np.ndarray]:
                nonlocal asked
                asked = from_first(True)
                return self._compute_together(rows, width)

            features = self.cache.get_or_compute(self.key, rows, compute, width)
            if not asked:
                from_first(False)
            return features
        if from_first(None):
            return collect(self._compute_together(rows, width), (len(rows), width))
        return self.cache.get_or_compute(self.key, rows, self._compute, width)

    def _compute_together(self, rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
        """As `_compute`, each process its batches of `rows`."""
        if world_size() == 1:
            return self._compute(rows)
        batches, counts = divide_batches(self._images(rows))
        with failing_together():
            own = collect(self._compute(rows, batches[rank()]), (counts[rank()], width))
        return in_rank_order(own, counts)

    def _compute(self, rows: np.ndarray, batches: range | None = None) -> Iterator[np.ndarray]:
        """Blocks of features of `rows`, in order; of some batches of them only, if those are named."""
        images = self._images(rows)
        chosen = images if batches is None else images.batches(batches)
        return extract_features(self.backbone, (data["inputs"] for data in chosen), self.device, self.precision)

    def _images(self, rows: np.ndarray) -> BatchLoader:
        return Feed.ordered(Feed(self.table, self.plain, self.plain, self.batch_size, self.device, self.seed), rows)

    def _loader(self, rows: np.ndarray, transform: DeviceTransform, batch_size: int, **options: Any) -> BatchLoader:
        for known, table in self._tables:
            places = np.searchsorted(known, rows)
            if (places < len(known)).all() and np.array_equal(known[places], rows):
                features = DeviceTransform("feature")
                return BatchLoader(
                    table,
                    places,
                    batch_size=batch_size,
                    transform=features,
                    device=self.device,
                    seed=self.seed,
                    **options,
                )
        self.prepare(np.unique(rows))
        return self._loader(rows, transform, batch_size, **options)


_TABLES: dict[tuple[str, str, bytes], DataTable] = {}
Name = TypeVar("Name")
Value = TypeVar("Value")


def kept(values: dict[Name, Value], name: Name, make: Callable[[], Value]) -> Value:
    """The value of that name, kept for the next run of a sweep; the two used last: training and test rows."""
    value = values.pop(name) if name in values else make()
    values[name] = value
    while len(values) > 2:
        del values[next(iter(values))]
    return value
