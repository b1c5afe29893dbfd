"""Image lists, the format in which the field passes its protocols on: `path label label ...`, one line per image.

One-hot and multi-hot labels (`a.jpg 0 1 0`) and single class ids (`a.jpg 7`) are read. A folder with `train.txt`,
`test.txt` and, where there are any, `database.txt` and `validation.txt` brings its split with it. An image that stands
in several lists is one row of the table, so that lists that overlap are found out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from hashbench.data.features import ROLE_NAMES
from hashbench.data.image_index import DataError, ImageIndex, Problem, make_index
from hashbench.data.image_set import STORED_SIZE, ImageSet
from hashbench.errors import UserError

_INTEGER = re.compile(r"[+-]?\d+")
_BITS = frozenset((0, 1))


class ImageList(ImageSet):
    """Images named by lists.

    Args:
        root: a folder that holds `train.txt`, `test.txt`, ... (or their other usual names: `query.txt`, `val.txt`,
            `db.txt`), or one list file. Images are relative to that folder, or to that of the file.
        size: pixels to which images are brought when they are stored, see `hashbench.data.image_cache`.
        images: folder of the images relative to the lists', where it is another.
        prefix: dropped from the start of every path, such as `./data/coco/`.
    """

    if_none_is_there = "images in another folder below the lists' are found with --set dataset.images=DIR"

    def __init__(
        self, root: str | Path | None = None, size: int = STORED_SIZE, images: str = ".", prefix: str = ""
    ) -> None:
        super().__init__(size)
        if root is None:
            raise UserError("image list: which lists? Give their folder, or one list file, with --data-root")
        self.root, self.images, self.prefix = Path(root).expanduser(), images, prefix

    def index(self) -> ImageIndex:
        """Read the lists.

        Raises:
            UserError: no lists, an empty list, two files for one role.
            DataError: lines without labels, labels that are not whole numbers, of another width than the others or
                neither 0 nor 1, paths outside the folder, one image with different labels.
        """
        return read_lists(_list_files(self.root), _folder(self.root) / self.images, self.prefix)


def _folder(root: Path) -> Path:
    return root if root.is_dir() else root.parent


def _list_files(root: Path) -> dict[str, Path]:
    """Role -> list file; a single file has the role ''."""
    if root.is_file():
        return {"": root}
    if not root.is_dir():
        raise UserError(f"image list: there is no folder and no list file {root}; correct --data-root")
    files: dict[str, Path] = {}
    for path in sorted(root.glob("*.txt")):
        role = ROLE_NAMES.get(path.stem.lower())
        if role in files:
            raise UserError(f"image list: {files[role].name} and {path.name} in {root} are both the {role}; remove one")
        if role:
            files[role] = path
    if not files:
        raise UserError(
            f"image list: no train.txt and test.txt in {root}; give their folder, or one list file, with --data-root"
        )
    return files


def read_lists(files: Mapping[str, Path], images: Path, prefix: str = "") -> ImageIndex:
    """Lists of one data set -> its index, rows in the order of the lists; an image in several of them is one row.

    Args:
        files: role -> list file; a single file under '' has no role.
        images: folder that the paths are relative to.
        prefix: dropped from the start of every path.

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
        for number, line in enumerate(_lines(file), start=1):
            place = f"{file.name} line {number}"
            words = line.split()
            if not words:
                continue
            parsed = _parsed(words, place, prefix)
            if isinstance(parsed, Problem):
                problems.append(parsed)
                continue
            path, label = parsed
            row = rows.setdefault(path, len(places))
            if row == len(places):
                places.append(place)
                labels.append(label)
            elif labels[row] != label:
                problems.append(Problem("different labels", place, f"{path} has other labels in {places[row]}"))
            listed.append(row)
        split[role] = np.array(listed, dtype=np.int64)
    name = f"image list {files['']}" if "" in files else f"image lists in {next(iter(files.values())).parent}"
    if len(labels) < 2 and not problems:
        what = "one image only" if labels else "the list is empty"
        raise UserError(f"{name}: {what}; a line holds a path and its labels, such as: images/a.jpg 0 1 0")
    problems += _label_problems(places, labels)
    if problems:
        raise DataError(name, problems)
    targets = np.array(labels, dtype=np.int64).squeeze(1) if len(labels[0]) == 1 else np.array(labels, dtype=np.int8)
    return make_index(name, images, list(rows), places, targets, None if "" in files else split)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"image list {file}: cannot be read ({error}); give a text file") from error


def _parsed(words: list[str], place: str, prefix: str) -> tuple[str, list[int]] | Problem:
    """Path, in its one spelling (`a.jpg` for `./a.jpg`), and labels of a line; or what makes it useless by itself."""
    path = str(PurePosixPath(words[0].removeprefix(prefix)))
    try:
        label = [int(word) for word in words[1:]]
    except ValueError:
        wrong = next((word for word in words[1:] if not _INTEGER.fullmatch(word)), words[-1])
        return Problem("label that is not a whole number", place, f"{wrong!r} (a path holds no spaces)")
    if not label:
        return Problem("line without labels", place, path)
    if path.startswith("/") or ".." in path.split("/"):
        what = f"{path} (prefix=TEXT drops the start of all paths)"
        return Problem("path outside the folder of the images", place, what)
    return path, label


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
