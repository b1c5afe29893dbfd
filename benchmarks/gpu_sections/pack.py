"""What a machine without a network needs of the data and the weights, in one folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from hashbench.data.cifar10 import CIFAR10
from hashbench.data.cifar10_pack import write_pack
from hashbench.errors import RunFailedError, UserError
from hashbench.protocol import read_manifest

SPLIT = "cifar10-dualhash"
FILE = "cifar10-dualhash.npz"


def pack(out: Path, *, data_root: Path | None, weights: Path | None) -> list[Path]:
    """Write the split's images, and a weights file if there is one, to a folder.

    Returns:
        The files.

    Raises:
        UserError: no CIFAR-10, no such weights file, or a folder that cannot be written to.
        RunFailedError: the disk is full.
    """
    if weights is not None and not weights.is_file():
        raise UserError(f"--weights {weights}: there is no such file")
    table = CIFAR10(data_root).load()
    rows = np.unique(np.concatenate(list(read_manifest(SPLIT).arrays.values())))
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_pack(table, rows, out / FILE)
        return [out / FILE, *([Path(shutil.copy(weights, out))] if weights is not None else [])]
    except OSError as error:
        kind = RunFailedError if error.errno == 28 else UserError  # no space left
        raise kind(f"--pack {out}: {error.strerror or error}") from error
