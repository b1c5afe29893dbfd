"""Data sets in memory, batches made on the device, the seeds that order them. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashbench.data.load import load_table
    from hashbench.data.loader import BatchLoader
    from hashbench.data.seeding import derive_seed, generator
    from hashbench.data.table import DataTable, DeviceStore
    from hashbench.data.transform import DeviceTransform

__all__ = ["BatchLoader", "DataTable", "DeviceStore", "DeviceTransform", "derive_seed", "generator", "load_table"]

_HOME = {
    "BatchLoader": "loader",
    "DataTable": "table",
    "DeviceStore": "table",
    "DeviceTransform": "transform",
    "derive_seed": "seeding",
    "generator": "seeding",
    "load_table": "load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
