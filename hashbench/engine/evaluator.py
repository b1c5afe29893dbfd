"""Encoding query and database, and handing packed codes to the exact evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from hashbench.errors import RunFailedError, UserError
from hashbench.evaluation import Evaluation, MetricError, binarize, code_quality, evaluate, pack_codes
from hashbench.evaluation.cosine import CosineEvaluation, evaluate_cosine
from hashbench.evaluation.measure import Options, try_added


@dataclass(frozen=True)
class EncodedSet:
    """Codes of one set of samples.

    Attributes:
        codes: (N, ceil(K/8)) uint8, packed little-endian; None where the method ranks by the outputs themselves.
        outputs: (N, K) float32, what was binarised; of another width where it was not.
        labels: (N,) ids or (N, C) multi-hot.
    """

    codes: np.ndarray | None
    outputs: np.ndarray
    labels: np.ndarray


def encode(model: Any, loader: Iterable[dict[str, torch.Tensor]]) -> EncodedSet:
    """Run a model over a loader in evaluation mode; every sample once, in the loader's order."""
    was_training = model.training
    model.eval()
    outputs, labels = [], []
    with torch.inference_mode():
        for data in loader:
            outputs.append(model.encode(data["inputs"]).float().cpu().numpy())
            labels.append(data["labels"].cpu().numpy())
    model.train(was_training)
    stacked = np.concatenate(outputs)
    codes = None if model.ranking == "cosine" else pack_codes(binarize(stacked))
    return EncodedSet(codes, stacked, np.concatenate(labels))


@contextmanager
def own_metrics_refused() -> Iterator[None]:
    """A metric of somebody's own that fails is wrong with the request, not with the run."""
    try:
        yield
    except MetricError as error:
        raise UserError(str(error)) from error


@dataclass
class RetrievalEvaluator:
    """The protocol's metrics on two encoded sets. Keeps the last result for the result folder.

    Args:
        bits: K.
        topk, radii, denominator: see `hashbench.evaluation.evaluate`.

    Raises:
        UserError: a metric of somebody's own fails on random counts. So it is refused before any work is done.
    """

    bits: int
    topk: tuple[int, ...] = ()
    radii: tuple[int, ...] = (0, 1, 2)
    denominator: str = "retrieved"
    device: str = "cpu"
    last: Evaluation | CosineEvaluation | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        with own_metrics_refused():
            try_added(self.bits, Options.checked(self.topk, self.radii, "expected", self.denominator))

    def __call__(self, query: EncodedSet, database: EncodedSet) -> dict[str, float]:
        """All metrics, flat: retrieval first, then the quality of the database's codes, if there are codes.

        Raises:
            UserError: a metric of somebody's own fails.
        """
        with own_metrics_refused():
            return self._measured(query, database)

    def _measured(self, query: EncodedSet, database: EncodedSet) -> dict[str, float]:
        # numba's threads may be OpenMP's, whose number is then changed for torch too; and with another number of
        # threads torch adds in another order: an epoch after an evaluation would differ from one after a resume.
        threads = torch.get_num_threads()
        try:
            if query.codes is None:
                self.last = evaluate_cosine(
                    query.outputs,
                    database.outputs,
                    query.labels,
                    database.labels,
                    topk=self.topk,
                    denominator=self.denominator,
                )
                return self.last.metrics
            if query.outputs.shape[1] != self.bits:
                raise RunFailedError(
                    f"the method's outputs have {query.outputs.shape[1]} columns where {self.bits} bits were asked "
                    "for: check its code layer and activation, or its _project"
                )
            self.last = evaluate(
                query.codes,
                database.codes,
                query.labels,
                database.labels,
                bits=self.bits,
                topk=self.topk,
                radii=self.radii,
                denominator=self.denominator,
                device=self.device,
            )
            quality = code_quality(database.outputs)
        finally:
            torch.set_num_threads(threads)
        return {**self.last.metrics, **quality}
