"""Finding the finished runs below some folders, and naming what is wrong with those that cannot be counted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hashbench.errors import UserError
from hashbench.results.folder import RESULT, SPEC
from hashbench.results.record import ResultRecord, load_record, to_json


class StoredRun(NamedTuple):
    """A finished run and the folder that holds its codes and its values a query."""

    folder: Path
    record: ResultRecord


class Found(NamedTuple):
    """What `find_runs` found: `Collected`, with the folders of the runs."""

    runs: list[StoredRun]
    problems: list[str]
    unfinished: int


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
    """The results of `find_runs` without their folders; errors as there."""
    runs, problems, unfinished = find_runs(roots)
    return Collected([run.record for run in runs], problems, unfinished)


def find_runs(roots: str | Path | Sequence[str | Path]) -> Found:
    """Read every result below `roots` (run folders, or folders of them). Hidden folders are passed over.

    A folder that is reached twice, through overlapping roots, counts once. The same run in two folders (equal row and
    seed) counts once and is a problem.

    Raises:
        UserError: a root that is no folder.
    """
    runs: dict[str, StoredRun] = {}
    problems: list[str] = []
    unfinished = 0
    seen: set[Path] = set()
    for root in map(Path, [roots] if isinstance(roots, (str, Path)) else roots):
        real_root = root.resolve()
        for folder, finished in _run_folders(root, problems):
            real = real_root / folder.relative_to(root)  # no link is followed below a root
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
            kept = runs.setdefault(run_key(record), StoredRun(folder, record))
            if kept.record is not record:
                numbers = "the same numbers" if kept.record.metrics == record.metrics else "other numbers"
                first = kept.folder / RESULT
                problems.append(f"{path}: the same run as {first} (seed {record.seed}), with {numbers}; left out.")
    return Found(list(runs.values()), problems, unfinished)


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
