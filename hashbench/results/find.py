"""Finding runs by their folders: one by its path, one by its identity, all finished ones below some folders."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hashbench.errors import UserError
from hashbench.paths import is_dir
from hashbench.results.folder import RunFolder
from hashbench.results.layout import RESULT, SPEC
from hashbench.results.record import ResultRecord, run_key

_WANTED = "Name the folder of a finished run: <out>/<protocol>/<method>/<bits>bit/seed<k>."


class Found(NamedTuple):
    """What `find_runs` found.

    Attributes:
        runs: the finished ones, their records read, in the order of their paths.
        problems: one line each, with the path: results that cannot be read, and copies of a run already counted.
        unfinished: number of unfinished runs.
    """

    runs: list[RunFolder]
    problems: list[str]
    unfinished: int

    @property
    def records(self) -> list[ResultRecord]:
        """Of the runs."""
        return [run.record for run in self.runs]


def find_runs(roots: str | Path | Sequence[str | Path]) -> Found:
    """Read every result below `roots` (run folders, or folders of them). Hidden folders are passed over.

    Links to folders are followed, after all else below a root. A folder that is reached twice, through overlapping
    roots or by a link, counts once. The same run in two folders (equal row and seed) counts once and is a problem.

    Raises:
        UserError: a root that is no folder.
    """
    runs: dict[str, RunFolder] = {}
    problems: list[str] = []
    unfinished = 0
    seen: set[str] = set()
    for root in map(Path, [roots] if isinstance(roots, (str, Path)) else roots):
        for run, finished in _run_folders(root, seen, problems):
            if not finished:
                unfinished += 1
                continue
            try:
                record = run.record
            except UserError as error:
                problems.append(str(error))
                continue
            first = runs.setdefault(run_key(record), run)
            if first is not run:
                numbers = "the same numbers" if first.record.metrics == record.metrics else "other numbers"
                problems.append(
                    f"{run.result_path}: the same run as {first.result_path} (seed {record.seed}), with {numbers}; "
                    "left out."
                )
    return Found(list(runs.values()), problems, unfinished)


def find_run(out: Path, identity: Mapping[str, Any], fingerprint: str | None = None) -> RunFolder | None:
    """The folder in which exactly one run was begun; None if it never was.

    Args:
        out: root of all runs.
        identity: `RunSpec.identity()` of the run.
        fingerprint: of its protocol, with the content of the data; None: any.
    """
    begun = RunFolder.all_begun(out, **{name: identity[name] for name in ("protocol", "method", "bits", "seed")})
    return next((run for run in begun if _is(run, identity, fingerprint)), None)


def open_run(folder: str | Path) -> RunFolder:
    """Open one finished run.

    Args:
        folder: `<out>/<protocol>/<method>/<bits>bit/seed<k>`.

    Raises:
        UserError: no folder, a folder of several runs or of none, an unfinished run, a result that cannot be read.
    """
    run = RunFolder(folder)
    if not is_dir(run.path):
        raise UserError(f"{folder}: no such folder. {_WANTED}")
    if run.state == "unfinished":
        raise UserError(
            f"{folder}: this run is unfinished; finish it with `hashbench run` and --resume, as it was started."
        )
    if run.state == "absent":
        inside = next((one.path for one, finished in _run_folders(run.path, set(), []) if finished), None)
        example = f"It holds runs, though: name one, such as {inside}." if inside else _WANTED
        raise UserError(f"{folder}: not a run folder, there is no {RESULT}. {example}")
    _ = run.record  # read now, so that whoever opens a run is told here what is wrong with it
    return run


def _is(run: RunFolder, identity: Mapping[str, Any], fingerprint: str | None) -> bool:
    try:
        return run.identity == identity and fingerprint in (None, run.spec.get("fingerprint"))
    except (UserError, OSError):  # a spec.json that is corrupt or cannot be read is no run's
        return False


def _run_folders(root: Path, seen: set[str], problems: list[str]) -> Iterator[tuple[RunFolder, bool]]:
    """Run folders at or below `root` in the order of their names, each with whether it is finished.

    Args:
        root: where to look.
        seen: resolved paths of folders that were looked through; they are passed over. Grows.
        problems: one line for each folder that cannot be read. Grows.
    """
    _check_root(root)

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}.")

    found: list[tuple[RunFolder, bool]] = []
    starts = deque([str(root)])  # links are followed last: a folder is better known by its own path
    while starts:
        start = starts.popleft()
        resolved = os.path.realpath(start)
        for parent, folders, files in os.walk(start, onerror=unreadable):
            here = resolved + parent[len(start) :]
            names = {*files, *folders}
            if here in seen:
                folders.clear()
            elif RESULT in names or SPEC in names:
                found.append((RunFolder(parent), RESULT in names))
                folders.clear()
            seen.add(here)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            starts += [path for name in folders if os.path.islink(path := os.path.join(parent, name))]
    yield from sorted(found, key=lambda run: run[0].path.parts)


def _check_root(root: Path) -> None:
    advice = "Name the folder given to `hashbench run --out` (default: runs)."
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{root}: no such folder. {advice}") from None
    except OSError as error:
        raise UserError(f"{str(root)[:100]}: cannot be read: {error.strerror}. {advice}") from error
    if not is_folder:
        raise UserError(f"{root}: not a folder. {advice}")
