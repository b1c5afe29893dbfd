"""What a list of images says before any image is opened: paths, labels, roles; and what is wrong, place by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hashbench.data.targets import encode
from hashbench.errors import UserError

_NAMED = 3
"""Places that an error message names of each kind; `DataError.problems` has all."""


class Problem(NamedTuple):
    """One fault: its kind (`missing image`), where it stands (`train.txt line 7`) and what stands there."""

    kind: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


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
        kinds = [f"{kind}: {len(some)} ({_first(some)})" for kind, some in by_kind(problems).items()]
        super().__init__(f"{name}: {'; '.join(kinds)}; {advice} (`hashbench check-data` names more)")
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
        return [
            Problem("missing image", place, path)
            for place, path, file in zip(self.places, self.paths, self.files, strict=True)
            if not file.is_file()
        ]


def make_index(
    name: str,
    root: Path,
    paths: Sequence[str],
    places: Sequence[str],
    labels: np.ndarray,
    split: Mapping[str, np.ndarray] | None = None,
    notes: Sequence[str] = (),
) -> ImageIndex:
    """An index whose labels are brought into one of the two forms of a table by `hashbench.data.targets.encode`."""
    targets = encode(labels, name)
    return ImageIndex(
        name,
        root,
        tuple(paths),
        tuple(places),
        torch.from_numpy(targets.labels),
        *targets[1:],
        split=split,
        notes=tuple(notes),
    )


def _first(problems: Sequence[Problem]) -> str:
    more = ", ..." if len(problems) > _NAMED else ""
    return ", ".join(str(problem) for problem in problems[:_NAMED]) + more
