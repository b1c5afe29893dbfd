"""Small tables, and the real labels beside the project, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.data import DataTable


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: $HASHBENCH_SHARED_DATA, or shared/data beside the checkout."""
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("HASHBENCH_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real data: set HASHBENCH_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def cifar10_labels(shared_data: Path) -> np.ndarray:
    """(60000,) class ids in the original order."""
    return np.load(shared_data / "cifar10" / "y_uint8.npy").astype(np.int64)


@pytest.fixture
def make_table():
    """A feature table with given labels and a row's number in its features."""

    def make(labels, **more) -> DataTable:
        labels = torch.as_tensor(np.asarray(labels))
        labels = labels.to(torch.uint8) if labels.ndim == 2 else labels.to(torch.int64)
        classes = labels.shape[1] if labels.ndim == 2 else int(labels.max()) + 1
        features = torch.arange(float(len(labels)))[:, None].repeat(1, 2)
        return DataTable("mine", features, labels, classes, **more)

    return make
