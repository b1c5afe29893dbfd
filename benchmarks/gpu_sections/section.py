"""What a section is given, and where it puts what it finds: in the file, at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Setting:
    """What all sections share.

    Attributes:
        device: of torch: `cuda:0`, or `cpu` to try the script.
        tiny: the smallest sizes that run through every line.
        protocol: name of the protocol that is trained.
        options: of `hashbench.api.request`, for every run: fields of the protocol, data, weights.
        images: how many the protocol trains on.
        out: folder of the runs.
    """

    device: str
    tiny: bool
    protocol: str
    options: dict[str, Any]
    images: int
    out: Path

    @property
    def on_gpu(self) -> bool:
        """Whether CUDA does the work."""
        return torch.device(self.device).type == "cuda"


@dataclass
class Section:
    """The results of one section, written down whenever something is added.

    Attributes:
        values: of the section: `state`, `notes`, and what it measured.
        deadline: on the clock of `time.monotonic`, when the section should be over.
        save: writes all sections to the file.
    """

    values: dict[str, Any]
    deadline: float
    save: Callable[[], None] = field(repr=False)

    @property
    def left(self) -> float:
        """Seconds that the section may still take."""
        return self.deadline - time.monotonic()

    def put(self, **values: Any) -> None:
        """Add or replace values."""
        self.values.update(values)
        self.save()

    def row(self, table: str, **values: Any) -> None:
        """Add a row to a table of the section."""
        self.values.setdefault(table, []).append(values)
        self.save()

    def note(self, text: str) -> None:
        """Add a sentence on what was left out, and why."""
        self.values["notes"].append(text)
        self.save()
