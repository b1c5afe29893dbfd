"""README.txt of an exported run: what the files are, and the lines of Python that search with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def readme(manifest: Mapping[str, Any], *, paths: bool) -> str:
    """The text for a manifest of `export_run`; `paths`: whether there is a database_paths.txt."""
    left_out = manifest["left_out"]
    files = [
        f"database_codes.npy   ({manifest['database_size']}, {manifest['bytes']}) uint8: {manifest['packing']}",
        "database_rows.npy    int64: row of each code in the data set",
        "database_labels.npy  class ids, or a multi-hot matrix",
    ]
    if paths:
        files.append("database_paths.txt   path of each code's image, one line per code, in the bytes of its name")
    if "index.faiss" not in left_out:
        files.append("index.faiss          the same codes as faiss.IndexBinaryFlat")
    if "encoder.pt2" not in left_out:
        files.append(
            f"encoder.pt2          torch.export program, written by torch {manifest['torch']}; load with that or newer"
        )
    files.append("manifest.json        all facts of this file for programs")
    parts = [
        f"{manifest['bits']}-bit codes by {manifest['method']} ({manifest['preset']}), protocol {manifest['protocol']} "
        f"[{manifest['fingerprint'][:8]}], seed {manifest['seed']}, mAP {manifest['map']:.4f}.",
        "\n".join(files),
        *(f"Left out: {name}: {reason}." for name, reason in left_out.items()),
        _input(manifest),
        _search(left_out),
    ]
    return "\n\n".join(parts) + "\n"


def _input(manifest: Mapping[str, Any]) -> str:
    facts, transform = manifest["input"], manifest["transform"]
    shape = ", ".join(map(str, facts["shape"]))
    if transform["kind"] == "feature":
        return f"Input: (n, {shape}) {facts['dtype']} features, as in the data set."
    size = transform["size"] or facts["shape"][-1]
    return (
        f"Input: (n, {shape}) {facts['dtype']} images, values 0 to 255. Other images: cut out the central square and "
        f"resize it (bilinear, antialiased).\nThe encoder itself resizes to {size} pixels and normalises with mean "
        f"{transform['mean']} and std {transform['std']}."
    )


def _search(left_out: Mapping[str, str]) -> str:
    encode = [
        "import torch",
        'encode = torch.export.load("encoder.pt2").module()',
        "codes = encode(images).numpy()  # images: a tensor as above",
    ]
    with_faiss = [
        "import faiss",
        'distances, places = faiss.read_index_binary("index.faiss").search(codes, 10)',
    ]
    with_numpy = [
        'database = np.load("database_codes.npy")',
        "distances = np.bitwise_count(codes[:, None] ^ database).sum(2)  # NumPy 2",
        "places = distances.argsort(axis=1, kind='stable')[:, :10]",
    ]
    lines = ["import numpy as np"]
    lines += encode if "encoder.pt2" not in left_out else ["codes = ...  # (n, bytes) uint8, packed as above"]
    lines += with_faiss if "index.faiss" not in left_out else with_numpy
    lines.append('rows = np.load("database_rows.npy")[places]')
    return "In Python, in this folder:\n\n" + "\n".join(f"    {line}" for line in lines)
