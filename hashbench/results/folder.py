"""The folder of one run: who may write in it, and what it holds when the run is over.

`result.json` is written last, and every file in one step, so a folder says by itself what state it is in.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import filelock
import numpy as np

from hashbench.atomic import TEMPORARY
from hashbench.errors import UserError
from hashbench.results.atomic import explained, write_bytes, write_text
from hashbench.results.record import DEFAULT_PRESET, ResultRecord, load_record, read_json, to_json

RESULT = "result.json"
SPEC = "spec.json"
CODES = "codes.npz"
PER_QUERY = "per_query.npz"

_LOCK = ".lock"
_HOLDER = ".holder.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]*")
_SHOWN_DIFFERENCES = 3


def protocol_dir_name(protocol: str, fingerprint: str, *, overridden: bool) -> str:
    """Folder of a protocol: its name, with the start of the fingerprint where the command line changed it."""
    return f"{protocol}-{fingerprint[:8]}" if overridden else protocol


def method_dir_name(method: str, preset: str | None = None) -> str:
    """Folder of a method: its name, with `@` and the preset's label where it is not the default."""
    return method if preset in (None, "", DEFAULT_PRESET) else f"{method}@{preset}"


class FolderInUseError(UserError):
    """Another process works in the folder of a run."""


def is_in_use(folder: Path) -> bool:
    """Whether a process holds the folder of a run at this moment (see `RunFolder.claim`)."""
    lock = filelock.FileLock(str(folder / _LOCK))
    try:
        with lock.acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # no such folder, or not ours to write in: whoever claims it will be told
        return False


class RunFolder:
    """`<out>/<protocol>/<method>/<bits>bit/seed<k>/`. Nothing is created before `claim`.

    Args:
        out: root of all runs.
        protocol_dir: see `protocol_dir_name`.
        method_dir: see `method_dir_name`.
        bits: code length K.
        seed: of the run.

    Raises:
        UserError: a name that is no plain folder name.
    """

    def __init__(self, out: str | Path, protocol_dir: str, method_dir: str, bits: int, seed: int) -> None:
        for name in (protocol_dir, method_dir):
            if not _NAME.fullmatch(name):
                raise UserError(f"{name!r} cannot be the name of a folder: use letters, digits and _ . @ + = - only.")
        self.path = Path(out) / protocol_dir / method_dir / f"{bits}bit" / f"seed{seed}"

    @property
    def result_path(self) -> Path:
        """Path of result.json."""
        return self.path / RESULT

    @property
    def state(self) -> Literal["absent", "unfinished", "finished"]:
        """`finished` with a result.json, `absent` with no file but hidden ones, else `unfinished`."""
        if self.result_path.is_file():
            return "finished"
        started = self.path.is_dir() and any(not entry.name.startswith(".") for entry in self.path.iterdir())
        return "unfinished" if started else "absent"

    @contextmanager
    def claim(self) -> Iterator[RunFolder]:
        """Create the folder and hold it for this process as long as the body runs; a killed process lets go by itself.

        Raises:
            FolderInUseError: another process holds it.
            UserError: the folder cannot be written to.
        """
        lock = filelock.FileLock(str(self.path / _LOCK))
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise FolderInUseError(
                    f"{self.path} is in use by {self._holder()}: wait for it, stop it, or give another seed or --out."
                ) from None
        try:
            self._clean_up_after_killed_writers()
            write_text(self.path / _HOLDER, to_json(_myself()))
            yield self
        finally:
            (self.path / _HOLDER).unlink(missing_ok=True)
            lock.release()

    def write_spec(self, spec: Mapping[str, Any]) -> None:
        """Keep what identifies the run: everything that a resumed run must share with its beginning."""
        write_text(self.path / SPEC, to_json(dict(spec)))

    def read_spec(self) -> dict[str, Any]:
        """What `write_spec` kept, as plain JSON values.

        Raises:
            UserError: nothing was started here, or the file is corrupt.
        """
        if not (self.path / SPEC).is_file():
            raise UserError(f"{self.path}: there is no run to resume: start it without --resume.")
        return read_json(self.path / SPEC)

    def check_spec(self, spec: Mapping[str, Any]) -> None:
        """Refuse to go on with a run that was started with another specification.

        Raises:
            UserError: names the first keys that differ, with both values.
        """
        kept, asked = flatten(self.read_spec()), flatten(_as_read_back(spec))
        keys = [key for key in asked | kept if kept.get(key, _ABSENT) != asked.get(key, _ABSENT)]
        if keys:
            shown = [f"{k} was {_show(kept, k)}, now {_show(asked, k)}" for k in keys[:_SHOWN_DIFFERENCES]]
            more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
            raise UserError(
                f"cannot resume {self.path}: {'; '.join(shown)}{more}. Ask for the same, or start in another --out."
            )

    def write_codes(
        self,
        *,
        query_codes: np.ndarray,
        database_codes: np.ndarray,
        bits: int,
        query_labels: np.ndarray,
        database_labels: np.ndarray,
        query_index: np.ndarray,
        database_index: np.ndarray,
        query_outputs: np.ndarray | None = None,
    ) -> None:
        """Keep the codes (codes.npz).

        Args:
            query_codes, database_codes: (Q, ceil(bits/8)) and (N, ceil(bits/8)) uint8, packed little-endian.
            bits: code length K.
            query_labels, database_labels: (Q,) and (N,) class ids, or (Q, C) and (N, C) multi-hot.
            query_index, database_index: (Q,) and (N,) rows in the data set.
            query_outputs: (q, K) what was binarised, of the first q queries; kept as float32.

        Raises:
            ValueError: shapes or dtype that do not fit together.
        """
        arrays = {
            "query_codes": query_codes,
            "database_codes": database_codes,
            "query_labels": query_labels,
            "database_labels": database_labels,
            "query_index": query_index,
            "database_index": database_index,
        }
        for role in ("query", "database"):
            codes = arrays[f"{role}_codes"]
            if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != -(-bits // 8):
                raise ValueError(f"{role}_codes: {codes.dtype} {codes.shape}, want uint8 (rows, {-(-bits // 8)})")
            for name in (f"{role}_labels", f"{role}_index"):
                if len(arrays[name]) != len(codes):
                    raise ValueError(f"{name}: {len(arrays[name])} rows, {role}_codes has {len(codes)}")
        if query_outputs is not None:
            if query_outputs.ndim != 2 or len(query_outputs) > len(query_codes) or query_outputs.shape[1] != bits:
                raise ValueError(f"query_outputs: {query_outputs.shape}, want (at most {len(query_codes)}, {bits})")
            arrays["query_outputs"] = query_outputs.astype(np.float32)
        self._write_npz(CODES, arrays | {"bits": np.int64(bits)})

    def write_per_query(self, values: Mapping[str, np.ndarray]) -> None:
        """Keep values a query (per_query.npz): each (Q,) or (Q, ...) under its metric's name."""
        self._write_npz(PER_QUERY, dict(values))

    def write_result(self, result: ResultRecord | Mapping[str, Any]) -> None:
        """Write result.json: the last thing a run does; from here on the folder is finished.

        Raises:
            pydantic.ValidationError: a key that `ResultRecord` does not have, or one missing.
        """
        write_text(self.result_path, ResultRecord.model_validate(result).to_json())

    def read_result(self) -> ResultRecord:
        """The result of a finished run; errors as in `load_record`."""
        return load_record(self.result_path)

    def _write_npz(self, name: str, arrays: Mapping[str, Any]) -> None:
        pickled = [key for key, value in arrays.items() if np.asarray(value).dtype.hasobject]
        if pickled:
            raise ValueError(f"{name}: {', '.join(pickled)}: arrays of objects cannot be kept")
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_bytes(self.path / name, buffer.getvalue())

    def _holder(self) -> str:
        try:
            holder = read_json(self.path / _HOLDER)
        except UserError:  # it has just started, or is just about to end
            return "another process"
        return f"process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}"

    def _clean_up_after_killed_writers(self) -> None:
        for leftover in self.path.glob(TEMPORARY):
            leftover.unlink(missing_ok=True)


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots.

    >>> flatten({"a": {"b": 1}, "c": [2]})
    {'a.b': 1, 'c': [2]}
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


_ABSENT = object()


def _show(flat: Mapping[str, Any], key: str) -> str:
    return repr(flat[key]) if key in flat else "absent"


def _as_read_back(spec: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(to_json(dict(spec)))
    return content


def _myself() -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
