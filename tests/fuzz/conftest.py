"""The registries of this package are read once: nearly all commands read them, and no case changes them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from hashbench.catalog import catalog
from hashbench.catalog.yaml_file import read_catalog_file

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _registries_are_read_once(monkeypatch):
    kept = lru_cache(read_catalog_file)

    def read(path: Path):
        return kept(path) if path.is_relative_to(REPOSITORY) else read_catalog_file(path)

    monkeypatch.setattr(catalog, "read_catalog_file", read)
