"""Encoding a set of samples: outputs of the model batch by batch, packed to bits at once, shared by all processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hashbench.backbones.evaluation_mode import evaluation_mode
from hashbench.data import BatchLoader
from hashbench.engine.distributed import rank
from hashbench.engine.own_metrics import own_metrics_refused
from hashbench.engine.sharing import all_rows, divide_batches, failing_together
from hashbench.errors import RunFailedError
from hashbench.evaluation import binarize, pack_codes
from hashbench.evaluation.measure import of_outputs, sums_of_outputs

KEPT_OUTPUTS = 64
"""Rows whose continuous outputs are kept beside their codes, for figures; all would be 32 times the codes."""


class NotFiniteError(RunFailedError):
    """A method gave outputs that are no numbers."""


@dataclass(frozen=True)
class EncodedSet:
    """One set of samples, encoded. The same on every process.

    Attributes:
        codes: (N, ceil(K/8)) uint8, packed little-endian; None where the method ranks by the outputs themselves.
        outputs: (min(N, 64), K) float32, what was binarised, of the first rows; of all N rows, and of any width, where
            nothing was binarised.
        labels: (N,) ids or (N, C) multi-hot.
        output_sums: (batches, M, 2) float64, of the outputs of each batch, see `evaluation.measure.sums_of_outputs`.
    """

    codes: np.ndarray | None
    outputs: np.ndarray
    labels: np.ndarray
    output_sums: np.ndarray


def encode(model: Any, loader: BatchLoader, bits: int) -> EncodedSet:
    """Encode every sample once, in the loader's order, in evaluation mode.

    On several processes, each encodes whole batches and all exchange the codes. Where there are no codes each process
    encodes everything: real outputs can be as large as the inputs, and sending them would take longer than a shallow
    method's projection.

    Args:
        model: has `encode(inputs)`, `ranking` ("hamming" or "cosine") and the two modes of a torch module.
        loader: not shuffled.
        bits: K.

    Raises:
        RunFailedError: the outputs have not K columns, or another process failed.
        NotFiniteError: an output is NaN or infinite.
        UserError: a metric of somebody's own fails.
    """
    labels = loader.labels.cpu().numpy()
    if model.ranking == "cosine":
        with evaluation_mode(model):
            outputs = np.concatenate([_outputs(model, data) for data in loader])
        return EncodedSet(None, outputs, labels, np.empty((0, 0, 2)))
    batches, rows = divide_batches(loader)
    mine = batches[rank()]
    codes = np.empty((rows[rank()], -(-bits // 8)), dtype=np.uint8)
    kept = np.empty((min(rows[rank()], KEPT_OUTPUTS), bits), dtype=np.float32)
    sums = np.empty((len(mine), len(of_outputs()), 2))
    start = 0
    with own_metrics_refused(), failing_together(), evaluation_mode(model):
        for number, data in enumerate(loader.batches(mine)):
            outputs = _outputs(model, data)
            _check_width(outputs, bits)
            stop = start + len(outputs)
            codes[start:stop] = pack_codes(binarize(outputs))
            kept[start:stop] = outputs[: max(0, len(kept) - start)]
            sums[number] = sums_of_outputs(outputs)
            start = stop
    return EncodedSet(
        all_rows(codes, rows),
        all_rows(kept, [min(count, KEPT_OUTPUTS) for count in rows])[:KEPT_OUTPUTS],
        labels,
        all_rows(sums, [len(part) for part in batches]),
    )


def _outputs(model: Any, data: dict[str, torch.Tensor]) -> np.ndarray:
    """(b, K) float32 of one batch."""
    with torch.inference_mode():
        outputs = model.encode(data["inputs"]).float().cpu().numpy()
    if not np.isfinite(outputs).all():
        what = "NaN, which has no sign" if np.isnan(outputs).any() else "infinity"
        raise NotFiniteError(f"the method's outputs hold {what}: check its training, or its fit and _project")
    return outputs


def _check_width(outputs: np.ndarray, bits: int) -> None:
    if outputs.shape[1] != bits:
        raise RunFailedError(
            f"the method's outputs have {outputs.shape[1]} columns where {bits} bits were asked for: check its code "
            "layer and activation, or its _project"
        )
