"""The encoder as one file that runs without hashbench: stored rows in, packed codes out, through torch.export."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from hashbench.deploy.encode_run import Encoder, RunEncoder


class NotExportedError(Exception):
    """The encoder cannot be written as a file; the message says why, in half a sentence."""


class Deployed(nn.Module):
    """(b, C, H, W) uint8 or (b, d) float32 rows -> (b, ceil(K/8)) uint8, packed little-endian.

    Args:
        encoder: rows -> (b, K) outputs whose signs are the bits.
        bits: K.
    """

    def __init__(self, encoder: nn.Module, bits: int) -> None:
        super().__init__()
        self.encoder, self.padding = encoder, -bits % 8
        self.register_buffer("places", 2 ** torch.arange(8))

    def forward(self, rows: Tensor) -> Tensor:
        """Encode and pack."""
        bits = nn.functional.pad((self.encoder(rows) >= 0).long(), (0, self.padding))
        return (bits.unflatten(1, (-1, 8)) * self.places).sum(2).to(torch.uint8)


def deployed(encoder: RunEncoder, sample: Tensor) -> Deployed:
    """The encoder in a form that torch.export takes.

    Args:
        sample: some rows as the table stores them.

    Raises:
        NotExportedError: a shallow method whose function is not affine.
    """
    module = encoder.module
    with torch.no_grad():
        model = encoder.experiment.learner.traceable(module.features(sample))
    if model is None:
        name = encoder.experiment.spec.method
        raise NotExportedError(f"{name} does not compute an affine function; `hashbench search` encodes with it")
    module = Encoder(module.transform, module.backbone, module.precision, model)
    return Deployed(module, encoder.run.codes.bits).eval()


def encoder_file(module: Deployed, sample: Tensor) -> bytes:
    """A module as a file of torch.export, for batches of any size.

    It is made in memory: torch's own writer ends the whole process where a disk is full.

    Raises:
        NotExportedError: torch cannot follow the network.
    """
    file = io.BytesIO()
    batch = torch.export.Dim("batch", min=1, max=2**16)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's notices about its own internals
            program = torch.export.export(module, (sample,), dynamic_shapes=({0: batch},), strict=False)
            torch.export.save(program, file)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise NotExportedError(f"torch.export does not follow the network ({reason})") from error
    return file.getvalue()


def run_encoder_file(content: bytes, rows: Tensor) -> np.ndarray:
    """What such a file gives for some rows: (n, ceil(K/8)) uint8."""
    with torch.no_grad():
        return torch.export.load(io.BytesIO(content)).module()(rows).numpy()
