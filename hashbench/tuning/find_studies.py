"""Finding studies: files that are named, and every study below folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.errors import UserError
from hashbench.paths import brief, is_dir, real
from hashbench.tuning.study import Study, load_study


def find_studies(places: Sequence[Path]) -> tuple[list[tuple[Path, Study]], list[str]]:
    """Read studies.

    Args:
        places: files of `hashbench tune`, and folders that hold some, at any depth; hidden files and folders are passed
            over, and a file that is reached twice counts once.

    Returns:
        The studies with their files, in the order of their paths; and one line for each .json file of a folder that is
        no study.

    Raises:
        UserError: a file that was named is no study, or there is none at all.
    """
    files: dict[Path, bool] = {}  # whether it was named
    for place in places:
        if is_dir(place):
            for path in sorted(place.rglob("*.json")):
                if not any(part.startswith(".") for part in path.relative_to(place).parts):
                    files.setdefault(path, False)
        else:
            files[place] = True
    studies: dict[Path, tuple[Path, Study]] = {}
    problems = []
    for path, named in files.items():
        try:
            studies.setdefault(real(path), (path, load_study(path)))
        except UserError as error:
            if named:
                raise
            problems.append(f"{error}; left out")
    if not studies and not problems:
        raise UserError(
            f"{', '.join(map(brief, places))}: no study. Make one with `hashbench tune METHOD --out FILE.json`."
        )
    return list(studies.values()), problems
