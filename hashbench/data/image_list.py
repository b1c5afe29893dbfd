"""Image lists, the format in which the field passes its protocols on: `path label label ...`, one line per image.

One-hot and multi-hot labels (`a.jpg 0 1 0`) and single class ids (`a.jpg 7`) are read. A folder with `train.txt`,
`test.txt` and, where there are any, `database.txt` and `validation.txt` brings its split with it. An image that stands
in several lists is one row of the table, so that lists that overlap are found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hashbench.data.image_index import DataError, ImageIndex, Problem, make_index
from hashbench.data.image_set import STORED_SIZE, ImageSet
from hashbench.data.list_file import ListFile, read_lines
from hashbench.data.list_folder import find_lists
from hashbench.data.own_split import with_test
from hashbench.errors import UserError
from hashbench.paths import NAME, brief, expanded, is_dir, is_file

_BITS = frozenset((0, 1))


class ImageList(ImageSet):
    """Images named by lists.

    Args:
        root: a folder that holds `train.txt`, `test.txt`, ... (or their other usual names: `query.txt`, `val.txt`,
            `gallery.txt`, `train_list.txt`), one list file, or a folder of lists whose paths and labels stand in two
            files (`train_images.txt` and `train_labels.txt`; `paths.txt` and `labels.txt`). Images are relative to that
            folder, or to that of the file.
        size: pixels to which images are brought when they are stored, see `hashbench.data.image_cache`.
        images: folder of the images relative to the lists', where it is another.
        prefix: dropped from the start of every path, such as `./data/coco/`.
        labels: for one list file: the file that holds the labels, line by line, relative to the list's folder.
        upright: turn images as their EXIF orientation says; else they are used as stored.
    """

    if_none_is_there = "images in another folder below the lists' are found with --set dataset.images=DIR"

    def __init__(
        self,
        root: str | Path | None = None,
        size: int = STORED_SIZE,
        images: str = ".",
        prefix: str = "",
        labels: str = "",
        upright: bool = False,
    ) -> None:
        super().__init__(size, upright)
        if root is None:
            raise UserError("image list: which lists? Give their folder, or one list file, with --data-root")
        self.root, self.images, self.prefix, self.labels = expanded(root), images, prefix, labels

    def index(self) -> ImageIndex:
        """Read the lists.

        Raises:
            UserError: no lists, an empty list, images of one class only, two files for one role.
            DataError: lines without labels, labels that are not whole numbers, of another width than the others or
                neither 0 nor 1, paths outside the folder, one image with different labels.
        """
        if is_file(self.root):
            labels = self.root.parent / self.labels if self.labels else None
            return read_lists({"": ListFile(self.root, labels)}, self.root.parent / self.images, self.prefix)
        if not is_dir(self.root):
            raise UserError(f"image list: there is no folder and no list file {brief(self.root)}; correct --data-root")
        if self.labels:
            raise UserError("image list: dataset.labels=FILE goes with one list file; name it with --data-root")
        lists, notes = find_lists(self.root)
        return read_lists(lists, self.root / self.images, self.prefix, notes)


def read_lists(files: Mapping[str, ListFile], images: Path, prefix: str = "", notes: Sequence[str] = ()) -> ImageIndex:
    """Lists of one data set -> its index, rows in the order of the lists; an image in several of them is one row.

    Args:
        files: role -> list; a single one under '' has no role.
        images: folder that the paths are relative to.
        prefix: dropped from the start of every path.
        notes: what was decided or left out in looking for the lists.

    Raises:
        UserError, DataError: as `ImageList.index`.
    """
    rows: dict[str, int] = {}
    places: list[str] = []
    labels: list[list[int]] = []
    split: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    for role, file in files.items():
        listed = []
        for line in read_lines(file, prefix):
            if isinstance(line, Problem):
                problems.append(line)
                continue
            row = rows.setdefault(line.path, len(places))
            if row == len(places):
                places.append(line.place)
                labels.append(line.labels)
            elif labels[row] != line.labels:
                what = f"{line.path} has other labels in {places[row]}"
                problems.append(Problem("different labels", line.place, what))
            listed.append(row)
        split[role] = np.array(listed, dtype=np.int64)
    name = _name(files)
    if len(labels) < 2 and not problems:
        what = "one image only" if labels else "the list is empty"
        raise UserError(f"{name}: {what}; a line holds a path and its labels, such as: images/a.jpg 0 1 0")
    problems += _label_problems(places, labels)
    if problems:
        raise DataError(name, problems)
    targets = np.array(labels, dtype=np.int64).squeeze(1) if len(labels[0]) == 1 else np.array(labels, dtype=np.int8)
    if "" in files:
        again = len(split.pop("")) - len(places)
        said = [f"{again:,} lines name an image again, which is one row"] if again else []
    else:
        split, said = with_test(split, {role: file.title for role, file in files.items()})
    index = make_index(name, images, list(rows), places, targets, split or None, [*notes, *said])
    if not index.multilabel and not index.labels.diff().any():
        only = index.class_names[int(index.labels[0])]
        raise UserError(f"{name}: images of one class only ({only}); give images of two classes at least")
    return index


def _name(files: Mapping[str, ListFile]) -> str:
    """What messages call the data set."""
    first = next(iter(files.values())).paths
    return f"image list {brief(first, NAME)}" if "" in files else f"image lists in {brief(first.parent, NAME)}"


def _label_problems(places: list[str], labels: list[list[int]]) -> list[Problem]:
    """Rows whose labels do not go with the others'."""
    if not labels:
        return []
    width = Counter(map(len, labels)).most_common(1)[0][0]
    problems = []
    for place, label in zip(places, labels, strict=True):
        if len(label) != width:
            problems.append(Problem("label of the wrong width", place, f"{len(label)} labels, most lines have {width}"))
        elif width > 1 and not _BITS.issuperset(label):
            value = next(value for value in label if value not in _BITS)
            problems.append(Problem("label other than 0 and 1", place, f"{value} among {width} labels"))
        elif width == 1 and not 0 <= label[0] < 2**31:
            problems.append(Problem("impossible class id", place, str(label[0])))
    return problems
