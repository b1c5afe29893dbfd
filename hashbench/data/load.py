"""From a data set's class and its options to a table, with what is wrong with either explained in one line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hashbench.data.dataset import Dataset
from hashbench.data.table import DataTable
from hashbench.errors import UserError, did_you_mean

_CONTRACT = "(see hashbench.data.dataset)"


def load_table(
    dataset_class: type[Dataset], root: str | Path | None = None, hparams: Mapping[str, Any] | None = None
) -> DataTable:
    """Load a data set: `dataset_class(root, **hparams).load()`.

    Raises:
        UserError: as `make_dataset`; a `load` that returns something else than a table; whatever the data set finds
            wrong with its data.
    """
    table = make_dataset(dataset_class, root, hparams).load()
    if not isinstance(table, DataTable):
        raise UserError(
            f"data set {dataset_class.__name__}: load() returned {type(table).__name__}, not a "
            f"hashbench.data.DataTable {_CONTRACT}"
        )
    return table


def make_dataset(
    dataset_class: type[Dataset], root: str | Path | None = None, hparams: Mapping[str, Any] | None = None
) -> Dataset:
    """A data set that is not loaded yet: `dataset_class(root, **hparams)`.

    Raises:
        UserError: a class without `load()`, one whose constructor takes no root, an option that it does not take or one
            that it needs.
    """
    name, options = f"data set {dataset_class.__name__}", dict(hparams or {})
    make: Callable[..., Dataset] = dataset_class  # a protocol says nothing of constructors
    if not callable(getattr(dataset_class, "load", None)):
        raise UserError(f"{name}: it has no method load() that returns a hashbench.data.DataTable {_CONTRACT}")
    signature = inspect.signature(dataset_class)
    try:
        signature.bind_partial(root)
    except TypeError as error:
        raise UserError(
            f"{name}: the constructor must take where the data are as its first argument, root=None {_CONTRACT}"
        ) from error
    try:
        signature.bind(root, **options)
    except TypeError as error:
        takes = list(signature.parameters)[1:]
        wrong = next((option for option in options if option not in takes), "")
        what = f"there is no option {wrong!r}. {did_you_mean(wrong, takes)}" if wrong else f"{error}."
        raise UserError(f"{name}: {what}") from error
    return make(root, **options)
