"""From a finished run to a folder that another program can search: codes, rows, an index, an encoder, a README."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hashbench.atomic import filled_folder, moved_in_part
from hashbench.deploy.deployed import NotExportedError, deployed, encoder_file, run_encoder_file
from hashbench.deploy.encode_run import RunEncoder
from hashbench.deploy.export_readme import readme
from hashbench.deploy.run_data import RunData
from hashbench.errors import UserError
from hashbench.paths import exists, is_dir
from hashbench.results.atomic import write_errors_explained

COMPARED = 100
"""Rows of the database on which the encoder's file is held against the run's codes."""
MANIFEST = "manifest.json"
"""Says that the other files are all there."""
FILES = (
    "database_codes.npy",
    "database_labels.npy",
    "database_rows.npy",
    "database_paths.txt",
    "index.faiss",
    "encoder.pt2",
    "README.txt",
    MANIFEST,
)
"""That a folder may have."""


def check_new(folder: Path) -> None:
    """Refuse to write among files of others.

    Raises:
        UserError: `folder` is there and not empty; what an export that was killed left in it counts as nothing.
    """
    if not exists(folder):
        return
    if not is_dir(folder):
        raise UserError(f"--out {folder}: a file, not an empty folder; name a new one")
    found = {entry.name for entry in folder.iterdir() if not (entry.name.startswith(".") and entry.suffix == ".tmp")}
    if found and not (found <= set(FILES) and moved_in_part(folder, MANIFEST)):
        raise UserError(f"--out {folder}: it exists and is not an empty folder; name a new one")


def export_run(encoder: RunEncoder, data: RunData, folder: Path) -> dict[str, Any]:
    """Write the folder, complete or not at all.

    Args:
        encoder: of a finished run, on the CPU.
        data: its data set.
        folder: empty or not there yet.

    Returns:
        What manifest.json holds.

    Raises:
        UserError: the folder holds files, or cannot be written to.
        RunFailedError: the disk is full.
    """
    manifest, files = _files(encoder, data)
    with write_errors_explained(folder):
        check_new(folder)
        with filled_folder(folder, MANIFEST) as made:
            if (folder / MANIFEST).exists():
                raise UserError(f"--out {folder}: another export filled it meanwhile; name a new folder")
            for name in FILES:
                (folder / name).unlink(missing_ok=True)  # of an export that was killed
            for name, content in files.items():
                (made / name).write_bytes(content)
    return manifest


def _files(encoder: RunEncoder, data: RunData) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest, and the content of each file."""
    codes, record = encoder.run.codes, encoder.run.record
    files = {
        "database_codes.npy": _npy(codes.database_codes),
        "database_labels.npy": _npy(codes.database_labels),
        "database_rows.npy": _npy(codes.database_index),
    }
    if data.paths:
        # A path is written in the bytes of its file's name, UTF-8 or not; the data set has none with a line break.
        listed = (os.fsencode(data.paths[row]) + b"\n" for row in codes.database_index.tolist())
        files["database_paths.txt"] = b"".join(listed)
    left_out: dict[str, str] = {}
    _add_index(codes.database_codes, files, left_out)
    differing = _add_encoder(encoder, files, left_out)
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
    files["README.txt"] = readme(manifest, paths=bool(data.paths)).encode()
    files[MANIFEST] = (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()
    return manifest, files


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _add_index(codes: np.ndarray, files: dict[str, bytes], left_out: dict[str, str]) -> None:
    """A flat index of faiss, where faiss is installed. Padding bits are zero everywhere and change no distance."""
    try:
        import faiss
    except ImportError:
        left_out["index.faiss"] = "faiss is not installed (pip install hashbench[index])"
        return
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(np.ascontiguousarray(codes))
    files["index.faiss"] = faiss.serialize_index_binary(index).tobytes()  # in memory: its writer tears on a full disk


def _add_encoder(encoder: RunEncoder, files: dict[str, bytes], left_out: dict[str, str]) -> int | None:
    """The encoder's file, kept only if it gives the run's codes: how many of the bits compared differ."""
    codes = encoder.run.codes
    places = np.unique(np.linspace(0, len(codes.database_codes) - 1, COMPARED).astype(int))
    rows = encoder.table.inputs[torch.from_numpy(codes.database_index[places])]
    try:
        content = encoder_file(deployed(encoder, rows), rows[:2])  # torch keeps the rows that it is shown in the file
    except NotExportedError as reason:
        left_out["encoder.pt2"] = str(reason)
        return None
    differ = int(np.unpackbits(run_encoder_file(content, rows) ^ codes.database_codes[places]).sum())
    if differ > 0.001 * len(places) * codes.bits:
        left_out["encoder.pt2"] = f"it gave {differ} of {len(places) * codes.bits} bits otherwise than the run"
        return None
    files["encoder.pt2"] = content
    return differ
