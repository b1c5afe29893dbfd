"""The data set of a finished run, loaded again and checked to be the one that the run saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.catalog import Catalog
from hashbench.data import DataTable
from hashbench.data.dataset import IndexedDataset
from hashbench.data.load import load_table, make_dataset
from hashbench.errors import UserError, did_you_mean
from hashbench.foreign_text import visible_in_a_line
from hashbench.results.folder import RunFolder


@dataclass(frozen=True)
class RunData:
    """A table with what people call its rows.

    Attributes:
        table: all rows of the data set.
        paths: (N,) image paths by row, relative to the data root; empty where rows are not files.
    """

    table: DataTable
    paths: tuple[str, ...] = ()

    def path(self, row: int) -> str:
        """Path of a row as it can be shown, with bytes that are no UTF-8 as escapes; empty where rows are not files."""
        return visible_in_a_line(self.paths[row]) if self.paths else ""

    @cached_property
    def _labels(self) -> np.ndarray:
        return self.table.labels.numpy()

    def labels(self, row: int) -> list[str]:
        """Names of the classes of a row; their ids where the data set has no names."""
        value = self._labels[row]
        ids = np.flatnonzero(value) if value.ndim else [int(value)]
        return [self.table.class_names[i] if self.table.class_names else str(i) for i in ids]

    def share_a_label(self, row: int, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: which of `rows` are relevant to `row`, by equal ids or a shared label."""
        if self._labels.ndim == 1:
            return self._labels[rows] == self._labels[row]
        return (self._labels[rows] & self._labels[row]).any(axis=1)


def load_run_data(run: RunFolder, catalog: Catalog, data_root: Path | None) -> RunData:
    """Load the data set of a run from `data_root`.

    Raises:
        UserError: no such data set in the catalogue, no data there, or other data than the run's.
    """
    facts, name = run.record.protocol_description, run.record.dataset
    if name not in catalog.datasets:
        raise UserError(
            f"{run.path}: its data set {name!r} is not known here; name its plugin with --plugin. "
            f"{did_you_mean(name, catalog.datasets)}"
        )
    entry = catalog.dataset(name)
    if entry.root_required and data_root is None:
        raise UserError(f"data set {name} needs --data-root: {entry.title or 'where its data are'}")
    hparams = {**entry.hparams, **facts.get("dataset_hparams", {})}
    table = load_table(catalog.load_class("datasets", name), data_root, hparams)
    if facts.get("data") != table.checksum:
        raise UserError(
            f"{run.path}: the data in {data_root or 'the default place'} are not those of this run (their "
            "checksums differ): give its data with --data-root"
        )
    return RunData(table, row_paths(catalog, name, hparams, data_root))


def row_paths(catalog: Catalog, dataset: str, hparams: Mapping[str, Any], data_root: Path | None) -> tuple[str, ...]:
    """Image paths by row, of data sets that have an index of image files; empty for all others."""
    options = {**catalog.dataset(dataset).hparams, **hparams}
    source = make_dataset(catalog.load_class("datasets", dataset), data_root, options)
    return source.index().paths if isinstance(source, IndexedDataset) else ()
