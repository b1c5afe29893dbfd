"""Which kernel counts: one for the CPU, one for everything that torch reaches."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.labels import Labels


class Backend(Protocol):
    """A kernel that holds the queries and counts one chunk of the database at a time."""

    chunk: int
    """How many database items to hand in at once, at most."""

    def count(self, codes: np.ndarray, labels: Labels) -> Counts:
        """Counts over `(n, ceil(K / 8))` packed codes and their labels."""


def make_backend(codes: np.ndarray, labels: Labels, bits: int, device: Any) -> Backend:
    """The kernel for a device.

    Args:
        codes: `(Q, ceil(K / 8))` packed query codes.
        labels: labels of the queries.
        bits: K.
        device: 'cpu' for the numba kernel; a torch device or its name ('cuda', 'cuda:1', 'mps') for the torch kernel;
            'torch' for the torch kernel on the CPU, which serves to test it.
    """
    if str(device) == "cpu":
        from hashbench.evaluation.kernel import CpuBackend

        return CpuBackend(codes, labels, bits)
    import torch

    from hashbench.evaluation.torch_backend import TorchBackend

    try:
        target = torch.device("cpu" if device == "torch" else device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise EvaluationInputError(f"device {device!s} cannot be used ({reason}): use 'cpu'") from error
    return TorchBackend(codes, labels, bits, target)
