"""A finished run as others use it: its record, its packed codes with their labels and rows, its values a query."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hashbench.errors import UserError
from hashbench.results.folder import CODES, PER_QUERY, RESULT, SPEC
from hashbench.results.record import ResultRecord, load_record

_ROLES = ("query", "database")


@dataclass(frozen=True)
class StoredCodes:
    """What codes.npz holds.

    Attributes:
        query_codes, database_codes: (Q, ceil(bits/8)) and (N, ceil(bits/8)) uint8, packed little-endian.
        query_labels, database_labels: (Q,) and (N,) class ids, or (Q, C) and (N, C) multi-hot.
        query_index, database_index: (Q,) and (N,) int64, rows in the data set.
        bits: code length K.
    """

    query_codes: np.ndarray
    database_codes: np.ndarray
    query_labels: np.ndarray
    database_labels: np.ndarray
    query_index: np.ndarray
    database_index: np.ndarray
    bits: int


@dataclass(frozen=True)
class FinishedRun:
    """A run folder with a result. Its arrays are read when they are first asked for.

    Attributes:
        folder: the run folder itself.
        record: its result.json.
    """

    folder: Path
    record: ResultRecord

    @cached_property
    def codes(self) -> StoredCodes:
        """The codes of the test queries and of the database.

        Raises:
            UserError: codes.npz is missing, cannot be read or lacks an array.
        """
        if not (self.folder / CODES).exists():
            raise UserError(
                f"{self.folder}: this run has no {CODES}: {self.record.method} makes no codes, or the file was "
                "removed; name another run."
            )
        arrays = self._read(CODES)
        names = [f"{role}_{what}" for role in _ROLES for what in ("codes", "labels", "index")]
        missing = [name for name in (*names, "bits") if name not in arrays]
        if missing:
            raise UserError(f"{self.folder / CODES}: it lacks {', '.join(missing)}: run it again.")
        return StoredCodes(bits=int(arrays["bits"]), **{name: arrays[name] for name in names})

    @cached_property
    def per_query(self) -> dict[str, np.ndarray]:
        """(Q,) values by metric (`ap`, `ap_worst`, ...), in the order of the queries; errors as of `codes`."""
        return self._read(PER_QUERY)

    def _read(self, name: str) -> dict[str, np.ndarray]:
        path = self.folder / name
        if not path.is_file():
            raise UserError(f"{path}: there is no such file, though the run is finished: run it again.")
        try:
            with np.load(path, allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: cannot be read ({reason}): run it again.") from error


def open_run(folder: str | Path) -> FinishedRun:
    """Open one finished run.

    Args:
        folder: `<out>/<protocol>/<method>/<bits>bit/seed<k>`.

    Raises:
        UserError: no folder, a folder of several runs or of none, an unfinished run, a result that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. {_WANTED}")
    if not (folder / RESULT).is_file():
        if (folder / SPEC).is_file():
            raise UserError(
                f"{folder}: this run is unfinished; finish it with `hashbench run` and --resume, as it was started."
            )
        inside = next(iter(sorted(folder.glob(f"**/{RESULT}"))), None)
        example = f"It holds runs, though: name one, such as {inside.parent}." if inside else _WANTED
        raise UserError(f"{folder}: not a run folder, there is no {RESULT}. {example}")
    return FinishedRun(folder, load_record(folder / RESULT))


_WANTED = "Name the folder of a finished run: <out>/<protocol>/<method>/<bits>bit/seed<k>."
