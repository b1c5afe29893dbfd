"""Real data beside the project, where there is any."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: $HASHBENCH_SHARED_DATA, or shared/data beside the checkout."""
    default = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("HASHBENCH_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real data: set HASHBENCH_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def cifar10_root(shared_data: Path) -> Path:
    """A folder that holds the real cifar-10-batches-py, rebuilt once a machine."""
    script = shared_data / "cifar10" / "rebuild.py"
    if not script.is_file():
        pytest.skip(f"no real CIFAR-10: {script} is missing")
    root = Path(tempfile.gettempdir()) / f"hashbench-test-cifar10-{os.getuid()}"
    root.mkdir(exist_ok=True)
    with FileLock(root / "rebuild.lock"):
        done = root / "cifar-10-batches-py" / "batches.meta"  # the last file that the script writes
        if not done.is_file():
            subprocess.run([sys.executable, script, root], check=True, capture_output=True)
    return root
