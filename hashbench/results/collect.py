"""Finding the finished runs below some folders, and naming what is wrong with those that cannot be counted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hashbench.errors import UserError
from hashbench.results.folder import RESULT, SPEC
from hashbench.results.record import ResultRecord, load_record, to_json


class Collected(NamedTuple):
    """What `collect` found.

    Attributes:
        records: of the finished runs, in the order of their paths.
        problems: one line each, with the path: results that cannot be read, and copies of a run already counted.
        unfinished: number of run folders without a result.
    """

    records: list[ResultRecord]
    problems: list[str]
    unfinished: int


def collect(roots: str | Path | Sequence[str | Path]) -> Collected:
    """Read every result below `roots` (run folders, or folders of them). Hidden folders are passed over.

    A folder that is reached twice, through overlapping roots, counts once. The same run in two folders (equal row and
    seed) counts once and is a problem.

    Raises:
        UserError: a root that is no folder.
    """
    records: dict[str, tuple[Path, ResultRecord]] = {}
    problems: list[str] = []
    unfinished = 0
    seen: set[Path] = set()
    for root in [roots] if isinstance(roots, (str, Path)) else roots:
        for folder, finished in _run_folders(Path(root), problems):
            real = folder.resolve()
            if real in seen:
                continue
            seen.add(real)
            if not finished:
                unfinished += 1
                continue
            path = folder / RESULT
            try:
                record = load_record(path)
            except UserError as error:
                problems.append(str(error))
                continue
            first, kept = records.setdefault(run_key(record), (path, record))
            if kept is not record:
                numbers = "the same numbers" if kept.metrics == record.metrics else "other numbers"
                problems.append(f"{path}: the same run as {first} (seed {record.seed}), with {numbers}; left out.")
    return Collected([record for _, record in records.values()], problems, unfinished)


def row_key(record: ResultRecord) -> str:
    """What runs share that differ in their seed only: fingerprint, method, preset, hyper-parameters, trials, bits."""
    r = record
    return to_json([r.fingerprint, r.method, r.preset, r.hparams, r.trials, r.bits], compact=True)


def run_key(record: ResultRecord) -> str:
    """What makes a run: its row and its seed."""
    return f"{row_key(record)} seed {record.seed}"


def _run_folders(root: Path, problems: list[str]) -> Iterator[tuple[Path, bool]]:
    """Run folders at or below `root` in the order of their names, each with whether it is finished."""
    if not root.exists():
        raise UserError(f"{root}: no such folder. Name the folder given to `hashbench run --out` (default: runs).")
    if not root.is_dir():
        raise UserError(f"{root}: not a folder. Name the folder given to `hashbench run --out` (default: runs).")

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}.")

    for parent, folders, files in os.walk(root, onerror=unreadable):
        if RESULT in files or SPEC in files:
            yield Path(parent), RESULT in files
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
