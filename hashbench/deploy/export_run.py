"""From a finished run to a folder that another program can search: codes, rows, an index, an encoder, a README."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hashbench.deploy.deployed import NotExportedError, deployed, run_encoder_file, write_encoder
from hashbench.deploy.encode_run import RunEncoder
from hashbench.deploy.export_readme import readme
from hashbench.deploy.run_data import RunData
from hashbench.errors import UserError

COMPARED = 100
"""Rows of the database on which the encoder's file is held against the run's codes."""


def export_run(encoder: RunEncoder, data: RunData, folder: Path) -> dict[str, Any]:
    """Write the folder.

    Args:
        encoder: of a finished run, on the CPU.
        data: its data set.
        folder: empty or not there yet.

    Returns:
        What manifest.json holds.

    Raises:
        UserError: the folder holds files, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder}: not empty; name a new folder")
        return _write(encoder, data, folder)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}. Name another folder.") from error


def _write(encoder: RunEncoder, data: RunData, folder: Path) -> dict[str, Any]:
    codes, record = encoder.run.codes, encoder.run.record
    for name in ("codes", "labels", "index"):
        array = getattr(codes, f"database_{name}")
        np.save(folder / f"database_{'rows' if name == 'index' else name}.npy", array)
    if data.paths:
        # A path is written in the bytes of its file's name, UTF-8 or not; the data set has none with a line break.
        listed = b"".join(os.fsencode(data.paths[row]) + b"\n" for row in codes.database_index.tolist())
        (folder / "database_paths.txt").write_bytes(listed)
    left_out: dict[str, str] = {}
    _write_index(codes.database_codes, folder / "index.faiss", left_out)
    differing = _write_encoder(encoder, folder / "encoder.pt2", left_out)
    manifest = {
        "method": record.method,
        "preset": record.preset,
        "protocol": record.protocol,
        "fingerprint": record.fingerprint,
        "seed": record.seed,
        "map": record.metrics["map"],
        "bits": codes.bits,
        "bytes": codes.database_codes.shape[1],
        "packing": "bit k of a code is bit k % 8 of byte k // 8 (little-endian); it is 1 where the output is >= 0",
        "database_size": len(codes.database_codes),
        "class_names": list(data.table.class_names),
        "input": {
            "dtype": str(data.table.inputs.dtype).removeprefix("torch."),
            "shape": list(data.table.inputs.shape[1:]),
        },
        "transform": encoder.experiment.feed.plain.describe(),
        "torch": torch.__version__,
        "encoder_differing_bits": differing,
        "left_out": left_out,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.txt").write_text(readme(manifest, paths=bool(data.paths)), encoding="utf-8")
    return manifest


def _write_index(codes: np.ndarray, path: Path, left_out: dict[str, str]) -> None:
    """A flat index of faiss, where faiss is installed. Padding bits are zero everywhere and change no distance."""
    try:
        import faiss
    except ImportError:
        left_out[path.name] = "faiss is not installed (pip install hashbench[index])"
        return
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(np.ascontiguousarray(codes))
    faiss.write_index_binary(index, str(path))


def _write_encoder(encoder: RunEncoder, path: Path, left_out: dict[str, str]) -> int | None:
    """The encoder's file, kept only if it gives the run's codes: how many of the bits compared differ."""
    codes = encoder.run.codes
    places = np.unique(np.linspace(0, len(codes.database_codes) - 1, COMPARED).astype(int))
    rows = encoder.table.inputs[torch.from_numpy(codes.database_index[places])]
    try:
        write_encoder(deployed(encoder, rows), rows[:2], path)  # torch keeps the rows that it is shown in the file
    except NotExportedError as reason:
        left_out[path.name] = str(reason)
        return None
    differ = int(np.unpackbits(run_encoder_file(path, rows) ^ codes.database_codes[places]).sum())
    if differ > 0.001 * len(places) * codes.bits:
        path.unlink()
        left_out[path.name] = f"it gave {differ} of {len(places) * codes.bits} bits otherwise than the run"
        return None
    return differ
