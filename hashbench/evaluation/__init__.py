"""Exact evaluation of binary codes under Hamming ranking: every metric from one count, no sort, no Q x N matrix.

    >>> from hashbench.evaluation import evaluate
    >>> evaluate([[0, 1]], [[0, 1], [1, 0]], [7], [7, 8]).metrics["map"]
    1.0

Self-standing: needs numpy and numba; torch only for tensors, GPUs and several processes. Names are imported when first
used: who only asks the table of metrics what a name means (`hashbench.evaluation.metrics`) does without numba.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashbench.evaluation.codes import binarize, pack_codes, unpack_codes
    from hashbench.evaluation.counter import HammingCounter
    from hashbench.evaluation.counts import Counts
    from hashbench.evaluation.errors import EvaluationInputError, MetricError
    from hashbench.evaluation.hamming import Evaluation, evaluate, evaluate_counts
    from hashbench.evaluation.quality import code_quality
    from hashbench.evaluation.uncertainty import bootstrap, paired_bootstrap

__all__ = [
    "Counts",
    "Evaluation",
    "EvaluationInputError",
    "HammingCounter",
    "MetricError",
    "binarize",
    "bootstrap",
    "code_quality",
    "evaluate",
    "evaluate_counts",
    "pack_codes",
    "paired_bootstrap",
    "unpack_codes",
]

_HOME = {
    "Counts": "counts",
    "Evaluation": "hamming",
    "EvaluationInputError": "errors",
    "HammingCounter": "counter",
    "MetricError": "errors",
    "binarize": "codes",
    "bootstrap": "uncertainty",
    "code_quality": "quality",
    "evaluate": "hamming",
    "evaluate_counts": "hamming",
    "pack_codes": "codes",
    "paired_bootstrap": "uncertainty",
    "unpack_codes": "codes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
