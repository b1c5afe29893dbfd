"""Checkpoints that survive a kill at any moment: written aside and renamed, the last two kept, the broken passed over.

mmengine's are written in place and hold objects of its own, which torch's weights-only loader refuses; hence these.

They hold tensors and plain values only, so torch's weights-only loader reads them as it is.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hashbench.atomic import atomic_write

_EPOCH = re.compile(r"epoch_(\d+)\.pth$")
UNREADABLE = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
)
"""What reading a damaged file raises."""


def _save(path: Path, payload: dict[str, Any]) -> None:
    """Write one file whole; after a power cut the newest may be torn, and is then passed over."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, durable=False) as file:
        file.write(buffer.getbuffer())


class CheckpointStore:
    """The checkpoints of one run: `epoch_<n>.pth` (all state, the last two) and `best_<n>.pth` (weights only).

    Args:
        folder: made by the first save.
        say: called with one line whenever something is passed over.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder = folder
        self.say = say
        self._best_before: int | None = None  # best epoch of the checkpoint before; unknown after a resume

    def epochs(self) -> list[int]:
        """Epochs for which a checkpoint exists, newest first."""
        found = (_EPOCH.search(path.name) for path in self.folder.glob("epoch_*.pth"))
        return sorted((int(match.group(1)) for match in found if match), reverse=True)

    def save(self, epoch: int, payload: dict[str, Any]) -> None:
        """Save the state after `epoch` epochs and drop what neither of the two newest checkpoints needs."""
        _save(self.folder / f"epoch_{epoch}.pth", payload)
        for old in self.epochs()[2:]:
            (self.folder / f"epoch_{old}.pth").unlink(missing_ok=True)
        best = payload["training"]["best_epoch"]
        if self._best_before is not None:
            for path in self.folder.glob("best_*.pth"):
                if int(path.stem.removeprefix("best_")) not in (best, self._best_before):
                    path.unlink(missing_ok=True)
        self._best_before = best

    def latest(self) -> dict[str, Any] | None:
        """The newest checkpoint that can be read, None if there is none. Says which ones were passed over.

        All of it is on the CPU, where torch's optimizers keep their counts of steps: read from a GPU, such a count
        would be waited for in every step, once a parameter. What belongs on the device, loading a state brings there.
        """
        for epoch in self.epochs():
            path = self.folder / f"epoch_{epoch}.pth"
            try:
                return torch.load(path, map_location="cpu", weights_only=True)
            except UNREADABLE as error:
                reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
                self.say(f"checkpoint {path.name} cannot be read ({reason}); falling back to the one before")
        return None

    def best_path(self, epoch: int) -> Path:
        """Where `save_best(epoch, ...)` saves."""
        return self.folder / f"best_{epoch}.pth"

    def save_best(self, epoch: int, state_dict: dict[str, Any]) -> None:
        """Save the weights selected by validation after `epoch` epochs."""
        _save(self.best_path(epoch), state_dict)

    def load_best(self, epoch: int, map_location: str | torch.device = "cpu") -> dict[str, Any]:
        """The weights saved by `save_best(epoch, ...)`."""
        return torch.load(self.best_path(epoch), map_location=map_location, weights_only=True)
