"""Where the real data are, and one thread a test: these networks are too small for more."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project, or $HASHBENCH_SHARED_DATA; the test is skipped without it."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("HASHBENCH_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set HASHBENCH_SHARED_DATA")
    return folder
