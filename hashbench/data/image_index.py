"""What a list of images says before any image is opened: paths, labels, roles; and what is wrong, place by place."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hashbench.data.targets import encode
from hashbench.errors import UserError
from hashbench.foreign_text import visible_in_a_line
from hashbench.paths import LONGEST, brief, why_no_file

_NAMED = 3
"""Places that an error message names of each kind, at most; `DataError.problems` has all."""
_MESSAGE = 293
"""Characters of a message; where more would not fit, fewer places are named, and in fewer characters."""
_SHORT = 30


class Problem(NamedTuple):
    """One fault: its kind (`missing image`), where it stands (`train.txt line 7`) and what stands there."""

    kind: str
    place: str
    what: str

    def __str__(self) -> str:
        return self.shown(LONGEST)

    def shown(self, longest: int) -> str:
        """Place and what stands there, each in at most `longest` characters."""
        return f"{brief(self.place, longest)}: {brief(self.what, longest)}"


_NOT_THERE = os.strerror(errno.ENOENT)
CORRECT_THEM = "correct the lists or the images"


class DataError(UserError):
    """Images or lists that cannot be used. The message is one line with a count and the first places of each kind.

    Args:
        advice: what to do.

    Attributes:
        problems: all of them.
        index: what the lists say nevertheless; None where the lists themselves are at fault.
    """

    def __init__(
        self,
        name: str,
        problems: Sequence[Problem],
        index: ImageIndex | None = None,
        advice: str = CORRECT_THEM,
    ) -> None:
        for named, longest in ((_NAMED, LONGEST), (2, LONGEST), (1, LONGEST), (1, _SHORT), (0, 0)):
            kinds = [f"{kind}: {len(some)}{_first(some, named, longest)}" for kind, some in by_kind(problems).items()]
            message = f"{name}: {'; '.join(kinds)}; {advice} (`hashbench check-data` names more)"
            if len(message) <= _MESSAGE:
                break
        super().__init__(message)
        self.problems = tuple(problems)
        self.index = index


def by_kind(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Problems grouped by kind, in the order in which the kinds first occur."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.kind, []).append(problem)
    return groups


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """The rows of an image data set, not yet decoded. Row i is the image `root / paths[i]`.

    Attributes:
        name: what error messages call it.
        root: the folder of the images.
        paths: N paths relative to the root, no two equal.
        places: where each row comes from, for error messages: `train.txt line 7`.
        labels: (N,) int64 class ids or (N, C) uint8 multi-hot.
        num_classes, class_names, split, notes: as in `DataTable`.
    """

    name: str
    root: Path
    paths: tuple[str, ...]
    places: tuple[str, ...]
    labels: Tensor
    num_classes: int
    class_names: tuple[str, ...] = ()
    split: Mapping[str, np.ndarray] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def multilabel(self) -> bool:
        """Whether `labels` is a multi-hot matrix."""
        return self.labels.ndim == 2

    @property
    def files(self) -> list[Path]:
        """The N image files."""
        return [self.root / path for path in self.paths]

    def missing(self) -> list[Problem]:
        """The images that are not there."""
        problems = []
        for place, path, file in zip(self.places, self.paths, self.files, strict=True):
            reason = why_no_file(file)
            if reason:
                known = "" if reason == _NOT_THERE else f" ({reason})"
                problems.append(Problem("missing image", place, f"{path}{known}"))
        return problems


def make_index(
    name: str,
    root: Path,
    paths: Sequence[str],
    places: Sequence[str],
    labels: np.ndarray,
    split: Mapping[str, np.ndarray] | None = None,
    notes: Sequence[str] = (),
) -> ImageIndex:
    """An index whose labels are brought into one of the two forms of a table by `hashbench.data.targets.encode`.

    Raises:
        UserError: labels of another form.
        DataError: paths that hold a line break: lists of paths hold one in each line.
    """
    broken = [
        Problem("file name with a line break", place, path)
        for path, place in zip(paths, places, strict=True)
        if _broken_name(path)
    ]
    if broken:
        raise DataError(name, broken, advice="rename the files or the folders above them")
    targets = encode(labels, name)
    return ImageIndex(
        name,
        root,
        tuple(paths),
        tuple(places),
        torch.from_numpy(targets.labels),
        targets.num_classes,
        tuple(visible_in_a_line(name) for name in targets.class_names),
        split=split,
        notes=tuple(notes),
    )


def _first(problems: Sequence[Problem], named: int, longest: int) -> str:
    """The first places of a kind of fault, in brackets."""
    if not named:
        return ""
    more = ", ..." if len(problems) > named else ""
    return f" ({', '.join(problem.shown(longest) for problem in problems[:named])}{more})"


def _broken_name(path: str) -> bool:
    """Whether a path would be more than one line of a list, however its reader divides lines."""
    return path.splitlines() != [path]
