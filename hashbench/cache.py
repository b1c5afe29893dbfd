"""The cache: one folder for all that can be made or fetched again, and the features that are kept in it.

Below its root lie features of frozen backbones and GIST features (`FeatureCache`), decoded images (`images/`, see
`hashbench.data.image_cache`) and downloaded data sets. Everything in it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from pydantic_core import from_json

from hashbench.atomic import atomic_write
from hashbench.errors import UserError, one_line
from hashbench.process import private_folder

logger = logging.getLogger(__name__)

_FORMAT = 1


def cache_root() -> Path:
    """The folder of the cache, which need not exist yet.

    It is `$HASHBENCH_CACHE`, else `hashbench` in `$XDG_CACHE_HOME` or `~/.cache`. For a user without a home folder (a
    container that runs under a number of no account) it is one of the user's own among the temporary files
    (`hashbench.process.private_folder`).

    Raises:
        UserError: `$HASHBENCH_CACHE` begins with the home folder of nobody (`~name`).
    """
    chosen = os.environ.get("HASHBENCH_CACHE")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError as error:  # how pathlib says that there is no such home
            raise UserError(f"HASHBENCH_CACHE = {chosen}: there is no such home folder; give a full path") from error
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared) / "hashbench"
    try:
        return Path.home() / ".cache" / "hashbench"
    except RuntimeError:
        return private_folder()


class FeatureCache:
    """A folder of features: float32 matrices, each computed once and kept under a name made of all it depends on.

    One entry is two files: `<digest>.npy`, the matrix, and `<digest>.json`, its sha256 and the key in plain text. The
    second is written last, so that an interrupted computation leaves nothing that looks finished.

    Args:
        root: the folder, made when first needed; None: `cache_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root) if root is not None else cache_root()

    def get_or_compute(
        self,
        key: dict[str, Any],
        rows: np.ndarray,
        compute: Callable[[np.ndarray], Iterator[np.ndarray]],
        out_features: int,
    ) -> np.ndarray:
        """The features of some rows: from disk if they are there and whole, else computed and kept.

        Several processes that ask for the same features compute them once; the others wait. A folder that cannot be
        written costs a warning and the cache, not the run.

        Args:
            key: all that the features depend on besides `rows`, JSON values only: checksums of the data and of the
                weights, backbone and its hyper-parameters, transform, precision.
            rows: (n,) indices of the rows; their values and their order are part of the entry's name.
            compute: rows -> blocks of features (m, out_features), in order, n rows in all.
            out_features: width of the features.

        Returns:
            (n, out_features) float32; from the cache it is mapped copy-on-write, so that changing it changes no file.

        Raises:
            ValueError: `compute` gives another number of rows or another width.
        """
        rows = np.ascontiguousarray(rows)
        shape = (len(rows), out_features)
        entry = _Entry(self.root, key, rows, shape)
        features = entry.read()
        if features is not None:
            return features
        lock = FileLock(self.root / f"{entry.digest}.lock")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _acquire(lock)
        except (OSError, NotImplementedError) as error:
            self._warn(error)
            return collect(compute(rows), shape)
        try:
            features = entry.read(explain=True)
            if features is None:
                features = collect(compute(rows), shape)
                try:
                    entry.write(features)
                except OSError as error:
                    self._warn(error)
        finally:
            lock.release()
        return features

    def _warn(self, error: Exception) -> None:
        logger.warning("features are not cached in %s (%s); set HASHBENCH_CACHE to a writable folder", self.root, error)


class _Entry:
    """One set of features on disk."""

    def __init__(self, root: Path, key: dict[str, Any], rows: np.ndarray, shape: tuple[int, int]) -> None:
        content = {
            "format": _FORMAT,
            "key": key,
            "rows": _sha256(rows.astype("<i8")),
            "shape": shape,
        }
        self.description = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        self.digest = hashlib.sha256(self.description.encode()).hexdigest()
        self.shape = shape
        self.data = root / f"{self.digest}.npy"
        self.head = root / f"{self.digest}.json"

    def read(self, explain: bool = False) -> np.ndarray | None:
        """The features, or None if they are not there, or damaged (which is logged if `explain`)."""
        try:
            checksum = from_json(self.head.read_bytes())["sha256"]
            features = np.load(self.data, mmap_mode="c", allow_pickle=False)
            if features.shape != self.shape or features.dtype != np.float32:
                raise ValueError(f"{features.dtype} of shape {features.shape}, not float32 of shape {self.shape}")
            if _sha256(features) != checksum:
                raise ValueError("its checksum differs")
        except FileNotFoundError:
            return None
        except Exception as error:  # damaged bytes may make any part of json and NumPy fail, in any way
            if explain:
                reason = one_line(str(error), 120)
                logger.warning("cached features %s are damaged (%s): computing them again", self.data, reason)
            return None
        return features

    def write(self, features: np.ndarray) -> None:
        """Keep the features; the caller holds the lock. Raises OSError if the disk does not take them."""
        self.head.unlink(missing_ok=True)
        with atomic_write(self.data) as file:
            np.save(file, features)
        head = {"sha256": _sha256(features), **json.loads(self.description)}
        with atomic_write(self.head) as file:
            file.write(json.dumps(head, indent=1).encode())


def _acquire(lock: FileLock) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("another process computes these features: waiting for it")
        lock.acquire()


def collect(blocks: Iterator[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Blocks of rows -> one (n, d) float32 array; `ValueError` for another number of rows or another width."""
    features = np.empty(shape, np.float32)
    done = 0
    for block in blocks:
        if block.ndim != 2 or block.shape[1] != shape[1] or done + len(block) > shape[0]:
            raise ValueError(f"a block of features {block.shape} after {done} rows does not fit {shape}")
        features[done : done + len(block)] = block
        done += len(block)
    if done != shape[0]:
        raise ValueError(f"{done} rows of features for {shape[0]} rows of data")
    return features


def _sha256(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
