"""A data set in memory: inputs and labels row by row, checked once, where they enter."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hashbench.data.targets import encode
from hashbench.errors import UserError

DEVICE_SHARE = 0.5
"""Share of a GPU's free memory that a table may take; a larger one stays in the host's memory."""


class LabelledRows(Protocol):
    """What a split is made of and looked at by: the labels of rows, with or without their inputs."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> Tensor: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def split(self) -> Mapping[str, np.ndarray] | None: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def multilabel(self) -> bool: ...
    def __len__(self) -> int: ...


class DeviceStore(NamedTuple):
    """A table's `inputs` and `labels` on one device, shared by all loaders that read the table there.

    Inputs too large for the device stay on the CPU, in memory or mapped from a file; `pick` copies what is asked for.
    """

    inputs: Tensor
    labels: Tensor

    def pick(self, rows: Tensor) -> Tensor:
        """The inputs of some rows (numbers on the labels' device), there."""
        if self.inputs.device == rows.device:
            return self.inputs.index_select(0, rows)
        return self.inputs.index_select(0, rows.cpu()).pin_memory().to(rows.device, non_blocking=True)


@dataclass(frozen=True, eq=False)
class DataTable:
    """All rows of a data set, on the CPU.

    Attributes:
        name: what error messages call it.
        inputs: (N, C, H, W) uint8 images or (N, d) float32 features.
        labels: (N,) int64 class ids in 0 .. num_classes - 1, or (N, num_classes) uint8 multi-hot.
        num_classes: number of classes.
        class_names: names in the order of the ids, or empty.
        split: role -> row numbers, where the file brings a split of its own.
        known_checksum: of the content, where that is known from what the inputs were made of (images in files).
        notes: what was decided or left out in reading the data, one line each; a run and `check-data` say them.
        present: (m,) row numbers, where only some rows were at hand; the others are blank, and no split may name them.

    Raises:
        UserError: no rows, lengths that differ, NaN or infinity in features, images that are not uint8, ids outside
            0 .. num_classes - 1, a multi-hot matrix with entries other than 0 and 1.
    """

    name: str
    inputs: Tensor
    labels: Tensor
    num_classes: int
    class_names: tuple[str, ...] = ()
    split: Mapping[str, np.ndarray] | None = None
    known_checksum: str | None = None
    notes: tuple[str, ...] = ()
    present: np.ndarray | None = None

    @classmethod
    def from_arrays(
        cls,
        name: str,
        inputs: ArrayLike,
        labels: ArrayLike,
        split: Mapping[str, np.ndarray] | None = None,
        labels_name: str = "",
        notes: Sequence[str] = (),
    ) -> DataTable:
        """A table of NumPy arrays, with labels as people store them.

        Args:
            name: what error messages call the table.
            inputs: (N, C, H, W) uint8 images, or (N, d) features of any real type, kept as float32.
            labels: (N,) class ids (any integers or strings) or (N, C) multi-hot: see `hashbench.data.targets.encode`.
            split: role -> row numbers, where the data bring a split of their own.
            labels_name: what error messages call the labels, if not as the table.
            notes: what was decided or left out in reading the data.

        Raises:
            UserError: labels of another form; as the constructor.

        >>> DataTable.from_arrays("three", [[0.5], [1.5], [2.5]], ["cat", "dog", "cat"]).labels
        tensor([0, 1, 0])
        """
        values, targets = np.asarray(inputs), encode(np.asarray(labels), labels_name or name)
        if values.ndim == 2 and values.dtype.kind in "biuf":
            with np.errstate(over="ignore"):  # what is too large for float32 becomes infinity, and is refused by row
                values = values.astype(np.float32, copy=False)
        return cls(
            name=name,
            inputs=_tensor(values, f"{name}: inputs"),
            labels=torch.from_numpy(targets.labels),
            num_classes=targets.num_classes,
            class_names=targets.class_names,
            split=split,
            notes=tuple(notes),
        )

    def __post_init__(self) -> None:
        self._check_inputs()
        self._check_labels()
        if self.class_names and len(self.class_names) != self.num_classes:
            raise UserError(
                f"{self.name}: {len(self.class_names)} class names for {self.num_classes} classes; name every class"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def kind(self) -> Literal["image", "feature"]:
        """What a row is: an image or a feature vector."""
        return "image" if self.inputs.ndim == 4 else "feature"

    @property
    def multilabel(self) -> bool:
        """Whether `labels` is a multi-hot matrix."""
        return self.labels.ndim == 2

    @cached_property
    def checksum(self) -> str:
        """sha256 (hex): the known one, else over dtype, shape and bytes of the inputs, then of the labels."""
        if self.known_checksum is not None:
            return self.known_checksum
        digest = hashlib.sha256()
        for tensor in (self.inputs, self.labels):
            array = tensor.contiguous().numpy()
            little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{array.dtype.name}{array.shape}".encode())
            digest.update(little_endian.data)
        return digest.hexdigest()

    @cached_property
    def _stores(self) -> dict[torch.device, DeviceStore]:
        return {}

    def on(self, device: torch.device | str) -> DeviceStore:
        """Inputs and labels on `device`: copied at the first call, shared afterwards (on the CPU: no copy at all)."""
        key = torch.device(device)
        if key not in self._stores:
            inputs = self.inputs.to(key) if self._fits(key) else self.inputs
            self._stores[key] = DeviceStore(inputs, self.labels.to(key))
        return self._stores[key]

    def _fits(self, device: torch.device) -> bool:
        if device.type != "cuda":
            return True
        return self.inputs.nbytes <= DEVICE_SHARE * torch.cuda.mem_get_info(device.index)[0]

    def _check_inputs(self) -> None:
        inputs, where = self.inputs, f"{self.name}: inputs {tuple(self.inputs.shape)} {_dtype(self.inputs)}"
        if inputs.ndim == 4 and inputs.dtype != torch.uint8:
            raise UserError(f"{where}: images are uint8 (N, C, H, W) with values 0..255; convert them")
        if inputs.ndim not in (2, 4) or (inputs.ndim == 2 and inputs.dtype != torch.float32):
            raise UserError(f"{where}: expected uint8 images (N, C, H, W) or float32 features (N, d)")
        if inputs.numel() == 0:
            raise UserError(f"{where}: there are no data; give at least one row with at least one value")
        if inputs.ndim == 2:
            bad = (~torch.isfinite(inputs)).any(dim=1).nonzero().flatten()
            if len(bad):
                raise UserError(
                    f"{self.name}: features hold NaN or infinity (float32) in {_rows(bad)}; remove or repair these rows"
                )

    def _check_labels(self) -> None:
        labels, where = self.labels, f"{self.name}: labels {tuple(self.labels.shape)} {_dtype(self.labels)}"
        if len(labels) != len(self.inputs):
            raise UserError(
                f"{where}: {len(labels)} rows of labels for {len(self.inputs)} rows of inputs; they must match"
            )
        if labels.ndim == 1 and labels.dtype == torch.int64:
            bad = ((labels < 0) | (labels >= self.num_classes)).nonzero().flatten()
            if len(bad):
                first = int(labels[bad[0]])
                raise UserError(
                    f"{where}: class ids lie in 0..{self.num_classes - 1}, found {first} in {_rows(bad)}; renumber"
                )
        elif labels.ndim == 2 and labels.dtype == torch.uint8:
            if labels.shape[1] != self.num_classes:
                raise UserError(
                    f"{where}: {labels.shape[1]} columns for {self.num_classes} classes; give one per class"
                )
            bad = (labels > 1).any(dim=1).nonzero().flatten()
            if len(bad):
                raise UserError(f"{where}: a multi-hot matrix holds 0 and 1 only, other values in {_rows(bad)}")
        else:
            raise UserError(f"{where}: expected int64 class ids (N,) or a uint8 multi-hot matrix (N, C)")


def _tensor(array: np.ndarray, where: str) -> Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(array))
    except TypeError as error:  # strings, objects, complex numbers of some widths
        raise UserError(f"{where} of type {array.dtype}; give numbers") from error


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _rows(bad: Tensor) -> str:
    first = ", ".join(str(int(row)) for row in bad[:5])
    return f"{len(bad)} row{'s' if len(bad) > 1 else ''} (first: {first})"
