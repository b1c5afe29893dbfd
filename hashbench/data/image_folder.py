"""Images in one folder per class, as torchvision's ImageFolder has them; a folder per role above them is a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hashbench.data.image_index import DataError, ImageIndex, make_index
from hashbench.data.image_set import STORED_SIZE, ImageSet
from hashbench.data.image_walk import ImageWalk
from hashbench.data.own_split import with_test
from hashbench.data.role_names import read_name
from hashbench.errors import UserError
from hashbench.paths import NAME, brief, expanded, is_dir

_NAMED = 3
"""Folders that a message names."""


class ImageFolder(ImageSet):
    """`root/CLASS/.../image.jpg`, or `root/train/CLASS/...`, `root/test/CLASS/...` and so on for the roles.

    Two folders named after different roles make it the second form; other folders beside them are left out, which the
    notes of the index say, as they do of whatever else is not used.

    Args:
        root: that folder. Class names are those of the folders; ids are in their order.
        size: pixels to which images are brought when they are stored, see `hashbench.data.image_cache`.
        upright: turn images as their EXIF orientation says; else they are used as stored.
    """

    def __init__(self, root: str | Path | None = None, size: int = STORED_SIZE, upright: bool = False) -> None:
        super().__init__(size, upright)
        if root is None:
            raise UserError("image folder: which folder? Give the one with a folder for each class: --data-root DIR")
        self.root = expanded(root)

    @property
    def _name(self) -> str:
        return f"image folder {brief(self.root, NAME)}"

    def index(self) -> ImageIndex:
        """Look what is there.

        Raises:
            UserError: no such folder, fewer than two classes, no images, a folder that may be a part or a class.
            DataError: folders that cannot be read, names that hold a line break.
        """
        walk = ImageWalk(self.root)
        top = self._folders(walk, self.root)
        roles, notes = self._roles(top)
        paths: list[str] = []
        classes: list[str] = []
        split: dict[str, np.ndarray] = {}
        parts = {role: self._folders(walk, folder) for role, folder in sorted(roles.items())} or {"": top}
        for role, class_folders in parts.items():
            start = len(paths)
            for class_folder in class_folders:
                found = walk.images(class_folder)
                paths += found
                classes += [class_folder.name] * len(found)
            split[role] = np.arange(start, len(paths))
        if walk.problems:
            raise DataError(self._name, walk.problems, advice="correct their permissions or move them away")
        self._check_classes(sorted(set(classes)))
        if roles:
            split, said = with_test(split, {role: folder.name for role, folder in roles.items()})
        else:
            said = _parts_below_classes(paths)
        places = [str(self.root)] * len(paths)
        notes += [*said, *walk.notes()]
        return make_index(self._name, self.root, paths, places, np.array(classes), split if roles else None, notes)

    def _folders(self, walk: ImageWalk, folder: Path) -> list[Path]:
        try:
            return walk.folders(folder)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"image folder {brief(folder)}: cannot be read ({reason}); correct --data-root") from error

    def _roles(self, top: Sequence[Path]) -> tuple[dict[str, Path], list[str]]:
        """Role -> its folder, empty where the folders are classes; and what is to be said about that."""
        named = _named_after_parts(top)
        if len(named) == 1 and len(top) > 1:
            only = next(iter(named))
            if _holds_classes(only):
                raise UserError(
                    f"{self._name}: {brief(only.name)} looks like a part of the data, the folders beside it do not; "
                    "move them away, name them after parts (train, test, val, database), or rename it if it is a class"
                )
            return {}, [f"the folder {brief(only.name)} is a class here, as those beside it, and no part of the data"]
        roles = {role: folder for folder, role in named.items()}
        if len(roles) < len(named):
            names = ", ".join(brief(folder.name) for folder in named)
            raise UserError(f"{self._name}: two folders have the same role ({names}); remove one")
        others = [brief(folder.name) for folder in top if folder not in named] if roles else []
        first = ", ".join(others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
        return roles, [f"left out: {len(others)} folders named after no part of the data ({first})"] if others else []

    def _check_classes(self, names: Sequence[str]) -> None:
        if len(names) > 1:
            return
        what = f"images of one class only ({brief(names[0])})" if names else "no folder with images for each class"
        advice = "put the images of each class in a folder of its own, at least two"
        if names and is_dir(self.root / names[0]):
            inner = list(_named_after_parts(ImageWalk(self.root).folders(self.root / names[0])))
            if inner:
                advice = f"it holds {brief(inner[0].name)}: is --data-root {brief(self.root / names[0])} meant?"
        raise UserError(f"{self._name}: {what}; {advice}")


def _named_after_parts(folders: Sequence[Path]) -> dict[Path, str]:
    """Those whose names stand for a role -> that role."""
    read = {folder: read_name(folder.name) for folder in folders}
    return {folder: name.role for folder, name in read.items() if name and name.role and not name.labels}


def _holds_classes(folder: Path) -> bool:
    """Whether a folder holds two folders or more, and no images beside them."""
    walk = ImageWalk(folder)
    try:
        return len(walk.folders(folder)) > 1 and not walk.outside
    except OSError:
        return False


def _parts_below_classes(paths: Sequence[str]) -> list[str]:
    """What is to be said where the folders of classes hold folders named after parts."""
    below = {parts[1]: "/".join(parts[:2]) for path in paths if len(parts := path.split("/")) > 2}
    named = [below[folder.name] for folder in _named_after_parts([Path(name) for name in sorted(below)])]
    if len(named) < 2:
        return []
    first = ", ".join(brief(name) for name in named[:_NAMED])
    return [f"folders named after parts lie below classes ({first}) and are not used as parts: train/CLASS would be"]
