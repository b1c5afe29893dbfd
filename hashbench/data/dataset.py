"""The contract of a data set: a class that is told where its data are, and loads them as one table.

    from hashbench.data import DataTable

    class Rings:
        def __init__(self, root=None, noise: float = 0.1):
            self.noise = noise

        def load(self) -> DataTable:
            points, ring = draw_rings(self.noise)
            return DataTable.from_arrays("rings", points, ring)

No base class is needed. Image files have one, `hashbench.data.ImageSet`, which decodes and keeps them.
docs/adding_a_dataset.md shows a whole file and how it gets its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from hashbench.data.image_index import ImageIndex
    from hashbench.data.table import DataTable


class Dataset(Protocol):
    """A data set that is not loaded yet.

    The class is called as `DatasetClass(root, **options)`. `root` is the folder or file of `--data-root`, None where it
    is not given. Options are typed, have defaults, and are set by `--set dataset.NAME=VALUE`; what is set enters the
    fingerprint of a run. The constructor reads no data.
    """

    def load(self) -> DataTable:
        """All rows, with their labels: the same ones, in the same order, at every call and on every machine.

        The checksum of the table is part of every result's fingerprint: a run is not resumed on other data.

        Raises:
            UserError: there are no data, or they are not as they should be: one line that says what to do.
        """
        ...


@runtime_checkable
class IndexedDataset(Dataset, Protocol):
    """A data set of image files, whose rows have names. `hashbench search` and `gallery` show them by these."""

    def index(self) -> ImageIndex:
        """Paths, labels and split, with no image opened.

        Raises:
            UserError: no such folder or lists, or lists that are at fault.
        """
        ...
