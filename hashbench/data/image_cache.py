"""Decoded images, made once and kept on disk as one uint8 array that every later run maps into memory.

One entry is two files below `images` in the cache (`hashbench.cache`): `<digest>.npy`, the pixels (N, 3, size, size),
and `<digest>.json`, written last, with what they were made of and a checksum over that and the pixels. The digest is
over folder, paths, sizes and times of change of the image files, over the stored size and whether images are turned, so
a changed, added or removed image makes another entry. The checksum is compared whenever a process opens an entry, not
afterwards; a damaged entry is decoded again. Entries may be deleted at any time. ImageNet-100 (133,503 images) at 256
pixels takes 26 GB.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from pydantic_core import from_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hashbench.atomic import atomic_write
from hashbench.cache import cache_root
from hashbench.data.decode import cores, decode_all
from hashbench.data.image_index import DataError, ImageIndex, Problem
from hashbench.errors import UserError, one_line
from hashbench.paths import why_no_file

logger = logging.getLogger(__name__)

_BAR = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
_FORMAT = 2
"""Raised whenever the same file would be stored as other pixels, or an entry written otherwise."""
_HASHED = 2**26
"""Bytes of pixels that one thread hashes at a time."""


class Stored(NamedTuple):
    """Decoded images.

    `pixels` (N, 3, size, size) uint8, mapped copy-on-write, so that changing it changes no file; `source`, the sha256
    (hex) over the bytes of all image files in their order; `remarks`, a remark on an image -> how many it holds of.
    """

    pixels: np.ndarray
    source: str
    remarks: Mapping[str, int]


def stored_images(index: ImageIndex, size: int, *, upright: bool = False) -> Stored:
    """The pixels of all rows, from the cache or decoded into it; several processes decode them once.

    Args:
        index: the images, all there.
        size: pixels per side.
        upright: turn images as their EXIF orientation says.

    Raises:
        DataError: images that cannot be decoded, all of them; images that went away meanwhile.
        UserError: the cache folder cannot be written, or has no room.
    """
    folder = cache_root() / "images"
    entry = folder / _digest(index, size, upright)
    shape = (len(index), 3, size, size)
    found = _read(entry, shape)
    if found is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(entry.with_suffix(".lock")):
                found = _read(entry, shape, explain=True) or _build(entry, index, shape, upright)
        except OSError as error:
            gigabytes = np.prod(shape, dtype=float) / 1e9
            raise UserError(
                f"{index.name}: the decoded images ({gigabytes:.1f} GB) cannot be kept in {folder} "
                f"({error.strerror or error}); set HASHBENCH_CACHE to a folder with room, or a smaller dataset.size"
            ) from error
    return found


def unreadable(index: ImageIndex) -> list[Problem]:
    """Those of the images that are there and cannot be decoded."""
    files = index.files
    rows = [row for row, file in enumerate(files) if not why_no_file(file)]
    decoded = (each for block in decode_all([files[row] for row in rows], 8) for each in block)
    return [_problem(index, row, each.fault) for row, each in zip(rows, decoded, strict=True) if each.fault]


def _digest(index: ImageIndex, size: int, upright: bool) -> str:
    made_of = [_FORMAT, size, str(index.root.resolve()), *(["upright"] if upright else [])]
    digest = hashlib.sha256(json.dumps(made_of).encode())
    for path, file in zip(index.paths, index.files, strict=True):
        try:
            facts = file.stat()
        except OSError as error:
            raise DataError(index.name, index.missing(), index) from error
        digest.update(json.dumps([path, facts.st_size, facts.st_mtime_ns]).encode())
    return digest.hexdigest()


def _read(entry: Path, shape: tuple[int, ...], explain: bool = False) -> Stored | None:
    """What an earlier call kept; None if it is not there, or not whole (which is logged if `explain`)."""
    try:
        head = from_json(entry.with_suffix(".json").read_bytes())
        pixels = np.load(entry.with_suffix(".npy"), mmap_mode="c", allow_pickle=False)
        if pixels.shape != shape or pixels.dtype != np.uint8:
            raise ValueError(f"{pixels.dtype} of shape {pixels.shape}, not uint8 of shape {shape}")
        if _checksum(head, pixels) != head["sha256"]:
            raise ValueError("its checksum differs")
        return Stored(pixels, head["source"], head["remarks"])
    except FileNotFoundError:
        return None
    except Exception as error:  # damaged bytes may make any part of json and NumPy fail, in any way
        if explain:
            reason = one_line(str(error), 120)
            logger.warning("decoded images %s are damaged (%s): decoding them again", entry, reason)
        return None


def _checksum(head: Mapping[str, Any], pixels: np.ndarray) -> str:
    """sha256 (hex) over all else that the head says, then over the sha256 of every `_HASHED` bytes of the pixels.

    The parts are hashed in threads: one core does about a gigabyte per second.
    """
    facts = {name: value for name, value in head.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    flat = pixels.reshape(-1)
    with ThreadPoolExecutor(cores()) as pool:
        parts = (flat[start : start + _HASHED] for start in range(0, flat.size, _HASHED))
        for part in pool.map(lambda part: hashlib.sha256(part.data).digest(), parts):
            digest.update(part)
    return digest.hexdigest()


def _build(entry: Path, index: ImageIndex, shape: tuple[int, ...], upright: bool) -> Stored:
    """Decode into the cache; the caller holds the lock."""
    if shutil.disk_usage(entry.parent).free < np.prod(shape, dtype=float):
        raise OSError("not enough room on the disk")
    entry.with_suffix(".json").unlink(missing_ok=True)
    print(f"{index.name}: decoding {len(index):,} images to {shape[2]} pixels, once", file=sys.stderr, flush=True)
    source, problems, done = hashlib.sha256(), [], 0
    remarks: Counter[str] = Counter()
    progress = Progress(*_BAR, console=Console(stderr=True), disable=not sys.stderr.isatty())
    with progress as bar, atomic_write(entry.with_suffix(".npy")) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        task = bar.add_task("decoding", total=len(index))
        for block in decode_all(index.files, shape[2], upright=upright):
            problems += [_problem(index, done + i, each.fault) for i, each in enumerate(block) if each.fault]
            for each in block:
                remarks.update(each.remarks)
                source.update(each.sha256)
                if each.pixels is not None and not problems:
                    file.write(each.pixels.data)
            done += len(block)
            bar.update(task, completed=done)
        if problems:
            raise DataError(index.name, problems, index)
    pixels = np.load(entry.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
    facts = {"source": source.hexdigest(), "remarks": remarks, "images": len(index), "size": shape[2]}
    facts |= {"upright": upright, "root": str(index.root)}
    facts["sha256"] = _checksum(facts, pixels)
    with atomic_write(entry.with_suffix(".json")) as file:
        file.write(json.dumps(facts, indent=1).encode())
    found = _read(entry, shape)
    if found is None:
        raise OSError("it does not read back")
    return found


def _problem(index: ImageIndex, row: int, fault: str) -> Problem:
    return Problem("unreadable image", index.places[row], f"{index.paths[row]} ({fault})")
