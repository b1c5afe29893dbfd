"""Image lists that the field shares, shipped in the package: paths and labels. The images are fetched by the user.

One `.npz` per data set in `hashbench/data/lists`: `paths`, the relative paths joined by line feeds (uint8), and
`labels`, class ids (N,) or multi-hot rows packed to bits (N, ceil(C / 8)) with `classes` = C. Which row plays which
role is said by the split manifests of the protocols; `python -m hashbench.protocol.draw_lists` made both from the
published files.
"""

from __future__ import annotations

import io
import os
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np

from hashbench.data.image_index import ImageIndex, make_index
from hashbench.data.image_set import STORED_SIZE, ImageSet
from hashbench.errors import UserError, did_you_mean
from hashbench.paths import expanded, is_dir

_FILES = resources.files("hashbench.data").joinpath("lists")


class PublishedList(ImageSet):
    """A data set whose list is in the package.

    Args:
        root: folder of the images, laid out as the list's paths say.
        published: name of the list.
        size: pixels to which images are brought when they are stored, see `hashbench.data.image_cache`.
        anywhere: find the images by their file names, in whatever folders below the root they lie.
    """

    if_none_is_there = (
        "give the images' folder with --data-root, or, in folders of other names, --set dataset.anywhere=true"
    )

    def __init__(
        self,
        root: str | Path | None = None,
        published: str = "",
        size: int = STORED_SIZE,
        anywhere: bool = False,
    ) -> None:
        super().__init__(size)
        if published not in published_lists():
            raise UserError(
                f"there is no list {published!r} in the package. {did_you_mean(published, published_lists())}"
            )
        if root is None:
            raise UserError(f"{published}: where are the images? Give their folder with --data-root DIR")
        self.root, self.published, self.anywhere = expanded(root), published, anywhere

    def index(self) -> ImageIndex:
        """The list, with paths as they lie on this machine.

        Raises:
            UserError: no such folder; with `anywhere`, an image that is there twice.
        """
        if not is_dir(self.root):
            raise UserError(f"{self.published}: there is no folder {self.root}; correct --data-root")
        paths, labels = read_published(self.published)
        places = [f"{self.published} row {row}" for row in range(len(paths))]
        if self.anywhere:
            paths = self._found(paths)
        return make_index(self.published, self.root, paths, places, labels)

    def _found(self, paths: list[str]) -> list[str]:
        """Each path as it is below the root, told by the file name; as it was, where there is none."""
        wanted = {Path(path).name for path in paths}
        found: dict[str, str] = {}
        for folder, _, names in os.walk(self.root, followlinks=True):
            for name in wanted.intersection(names):
                path = Path(folder, name).relative_to(self.root).as_posix()
                if name in found:
                    raise UserError(
                        f"{self.published}: {found[name]} and {path} have one name; anywhere=true needs it once"
                    )
                found[name] = path
        return [found.get(Path(path).name, path) for path in paths]


def published_lists() -> list[str]:
    """Names of the lists in the package."""
    return sorted(file.name.removesuffix(".npz") for file in _FILES.iterdir() if file.name.endswith(".npz"))


def read_published(name: str) -> tuple[list[str], np.ndarray]:
    """N paths, and (N,) class ids or (N, C) multi-hot labels."""
    with resources.as_file(_FILES / f"{name}.npz") as file, np.load(file, allow_pickle=False) as archive:
        paths = archive["paths"].tobytes().decode().split("\n")
        labels = archive["labels"]
        if labels.ndim == 2:
            labels = np.unpackbits(labels, axis=1, count=int(archive["classes"]))
    return paths, labels


def write_published(file: Path, paths: list[str], labels: np.ndarray) -> None:
    """Write a list of N paths with (N,) class ids or (N, C) 0/1 labels, as `read_published` reads it."""
    facts = {"paths": np.frombuffer("\n".join(paths).encode(), dtype=np.uint8)}
    if labels.ndim == 2:
        facts |= {"labels": np.packbits(labels.astype(bool), axis=1), "classes": np.array(labels.shape[1])}
    else:
        facts["labels"] = labels.astype(np.min_scalar_type(labels.max()))
    # An .npz as numpy reads it, compressed by LZMA: half the size that numpy itself would write.
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in facts.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{key}.npy"), content.getvalue(), zipfile.ZIP_LZMA)
