"""Images in one folder per class, as torchvision's ImageFolder has them; a folder per role above them is a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashbench.data.features import ROLE_NAMES
from hashbench.data.image_index import ImageIndex, make_index
from hashbench.data.image_set import STORED_SIZE, ImageSet
from hashbench.errors import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(ImageSet):
    """`root/CLASS/.../image.jpg`, or `root/train/CLASS/...`, `root/test/CLASS/...` and so on for the roles.

    Args:
        root: that folder. Class names are those of the folders; ids are in their order.
        size: pixels to which images are brought when they are stored, see `hashbench.data.image_cache`.
    """

    def __init__(self, root: str | Path | None = None, size: int = STORED_SIZE) -> None:
        super().__init__(size)
        if root is None:
            raise UserError("image folder: which folder? Give the one with a folder for each class: --data-root DIR")
        self.root = Path(root).expanduser()

    def index(self) -> ImageIndex:
        """Look what is there.

        Raises:
            UserError: no such folder, fewer than two classes, no images.
        """
        top = _folders(self.root)
        roles = {ROLE_NAMES.get(folder.name.lower(), ""): folder for folder in top}
        split: dict[str, np.ndarray] | None = None
        if top and "" not in roles:
            if len(roles) < len(top):
                raise UserError(f"image folder {self.root}: two folders have the same role; remove one")
            split = {}
        else:
            roles = {"": self.root}
        paths: list[str] = []
        classes: list[str] = []
        for role, folder in sorted(roles.items()):
            start = len(paths)
            for class_folder in _folders(folder):
                found = sorted(
                    file.relative_to(self.root).as_posix()
                    for file in class_folder.rglob("*")
                    if file.suffix.lower() in SUFFIXES
                )
                paths += found
                classes += [class_folder.name] * len(found)
            if split is not None:
                split[role] = np.arange(start, len(paths))
        names = sorted(set(classes))
        if len(names) < 2:
            what = f"images of one class only ({names[0]})" if names else "no folder with images for each class"
            raise UserError(
                f"image folder {self.root}: {what}; put the images of each class in a folder of its own, at least two"
            )
        places = [str(self.root)] * len(paths)
        return make_index(f"image folder {self.root}", self.root, paths, places, np.array(classes), split)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise UserError(
            f"image folder {folder}: cannot be read ({error.strerror or error}); correct --data-root"
        ) from error
