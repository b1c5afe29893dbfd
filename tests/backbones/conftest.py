"""Where the real data are, for tests marked `real_data`."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project, or $HASHBENCH_SHARED_DATA; the test is skipped without it."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("HASHBENCH_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set HASHBENCH_SHARED_DATA")
    return folder
