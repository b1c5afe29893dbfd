"""Exact evaluation of binary codes under Hamming ranking: every metric from one count, no sort, no Q x N matrix.

    >>> from hashbench.evaluation import evaluate
    >>> evaluate([[0, 1]], [[0, 1], [1, 0]], [7], [7, 8]).metrics["map"]
    1.0

Self-standing: needs numpy and numba; torch only for tensors, GPUs and several processes.
"""

from hashbench.evaluation.codes import binarize, pack_codes, unpack_codes
from hashbench.evaluation.counter import HammingCounter
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.evaluate import Evaluation, evaluate, evaluate_counts
from hashbench.evaluation.quality import code_quality
from hashbench.evaluation.uncertainty import bootstrap, paired_bootstrap, spread

__all__ = [
    "Counts",
    "Evaluation",
    "EvaluationInputError",
    "HammingCounter",
    "binarize",
    "bootstrap",
    "code_quality",
    "evaluate",
    "evaluate_counts",
    "pack_codes",
    "paired_bootstrap",
    "spread",
    "unpack_codes",
]
