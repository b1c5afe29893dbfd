"""Data sets in memory, batches made on the device, the seeds that order them. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashbench.data.dataset import Dataset
    from hashbench.data.image_index import ImageIndex, make_index
    from hashbench.data.image_set import ImageSet
    from hashbench.data.load import load_table
    from hashbench.data.loader import BatchLoader
    from hashbench.data.seeding import derive_seed, generator
    from hashbench.data.table import DataTable, DeviceStore
    from hashbench.data.transform import DeviceTransform

__all__ = [
    "BatchLoader",
    "DataTable",
    "Dataset",
    "DeviceStore",
    "DeviceTransform",
    "ImageIndex",
    "ImageSet",
    "derive_seed",
    "generator",
    "load_table",
    "make_index",
]

_HOME = {
    "BatchLoader": "loader",
    "DataTable": "table",
    "Dataset": "dataset",
    "DeviceStore": "table",
    "DeviceTransform": "transform",
    "ImageIndex": "image_index",
    "ImageSet": "image_set",
    "derive_seed": "seeding",
    "generator": "seeding",
    "load_table": "load",
    "make_index": "image_index",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
