"""From a data set's class and its options to a table, with a wrong option explained."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashbench.data.table import DataTable
from hashbench.errors import UserError, did_you_mean


def load_table(
    dataset_class: type, root: str | Path | None = None, hparams: Mapping[str, Any] | None = None
) -> DataTable:
    """Load a data set: `dataset_class(root, **hparams).load()`.

    Raises:
        UserError: an option that the class does not take, or whatever the data set finds wrong.
    """
    return make_dataset(dataset_class, root, hparams).load()


def make_dataset(dataset_class: type, root: str | Path | None, hparams: Mapping[str, Any] | None) -> Any:
    """A data set that is not loaded yet: `dataset_class(root, **hparams)`.

    Raises:
        UserError: an option that the class does not take.
    """
    options = dict(hparams or {})
    signature = inspect.signature(dataset_class)
    try:
        signature.bind(root, **options)
    except TypeError as error:
        takes = [name for name in signature.parameters if name != "root"]
        wrong = next((name for name in options if name not in takes), "")
        what = f"there is no option {wrong!r}. {did_you_mean(wrong, takes)}" if wrong else f"{error}."
        raise UserError(f"data set {dataset_class.__name__}: {what}") from error
    return dataset_class(root, **options)
