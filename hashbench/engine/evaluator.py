"""The protocol's metrics of two encoded sets."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from hashbench.engine.distributed import rank, world_size
from hashbench.engine.encoding import EncodedSet
from hashbench.engine.own_metrics import own_metrics_refused
from hashbench.engine.sharing import from_first, parts, shared_map
from hashbench.evaluation import Evaluation, HammingCounter, code_quality, evaluate_counts
from hashbench.evaluation.cosine import CosineEvaluation, evaluate_cosine
from hashbench.evaluation.measure import Options, means_of_outputs, try_added
from hashbench.evaluation.metrics import TABLE, members


@dataclass
class RetrievalEvaluator:
    """The protocol's metrics on two encoded sets. `last` is the last result, for the result folder.

    Several processes share the work that grows with the number of pairs: each counts its part of the database against
    all queries, and the counts are added; or each ranks the database by cosine for its part of the queries. The rest
    every process computes from the same sums: waiting for one to do it would take as long. Still all are given the
    metrics of the first, since each decides on best epoch and patience by itself, and on processors of different kinds
    the last digit may differ.

    Args:
        bits: K.
        topk, radii, denominator: see `hashbench.evaluation.evaluate`.
        device: where to count.

    Raises:
        UserError: a metric of somebody's own fails on random counts. So it is refused before any work is done.
    """

    bits: int
    topk: tuple[int, ...] = ()
    radii: tuple[int, ...] = (0, 1, 2)
    denominator: str = "retrieved"
    device: str = "cpu"
    last: Evaluation | CosineEvaluation = field(init=False)

    def __post_init__(self) -> None:
        with own_metrics_refused():
            try_added(self.bits, Options.checked(self.topk, self.radii, "expected", self.denominator))

    def names(self, ranking: str) -> list[str]:
        """All metrics that a method gets which ranks like this, "hamming" or "cosine"."""
        if ranking == "cosine":
            return [member.name for member in members(self.topk, ()) if member.metric.cosine]
        others = [metric.name for metric in TABLE.values() if metric.of != "counts"]
        return [*(member.name for member in members(self.topk, self.radii)), *others]

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
            metrics = self._by_cosine(query, database) if query.codes is None else self._by_hamming(query, database)
        finally:
            torch.set_num_threads(threads)
        return from_first(metrics)

    def _by_cosine(self, query: EncodedSet, database: EncodedSet) -> dict[str, float]:
        self.last = evaluate_cosine(
            query.outputs,
            database.outputs,
            query.labels,
            database.labels,
            topk=self.topk,
            denominator=self.denominator,
            mapper=shared_map,
        )
        return self.last.metrics

    def _by_hamming(self, query: EncodedSet, database: EncodedSet) -> dict[str, float]:
        assert database.codes is not None  # there are codes of both or of neither
        counter = HammingCounter(query.codes, query.labels, bits=self.bits, device=self.device)
        size = len(database.labels)
        mine = parts(size)[rank()]
        counter.update(database.codes[mine.start : mine.stop], database.labels[mine.start : mine.stop])
        if world_size() > 1:
            counter.all_reduce()
        self.last = evaluate_counts(counter.counts, topk=self.topk, radii=self.radii, denominator=self.denominator)
        quality = code_quality(codes=database.codes, bits=self.bits)
        return {**self.last.metrics, **means_of_outputs(database.output_sums), **quality}
