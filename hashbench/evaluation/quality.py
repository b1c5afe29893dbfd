"""How good the codes themselves are, without labels: quantisation loss, and how the bits are used."""

from __future__ import annotations

from typing import Any

from hashbench.evaluation.code_set import CodeSet
from hashbench.evaluation.codes import binarize, packed_codes
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.measure import means_of_outputs, of_codes, sums_of_outputs
from hashbench.evaluation.numbers import as_numpy


def code_quality(outputs: Any = None, codes: Any = None, *, bits: int | None = None) -> dict[str, float]:
    """Quality of codes, and of the continuous outputs behind them.

    Args:
        outputs: `(N, K)` continuous outputs; without them the metrics of outputs are left out.
        codes: the codes, in any form `evaluate` takes; `outputs >= 0` if not given.
        bits: code length if `codes` are packed.

    Returns:
        Every metric of outputs and of codes in `hashbench.evaluation.metrics`: `quantization_error`,
        `quantization_mse`, `bit_balance`, `bit_entropy`, `bit_correlation`, `distinct_codes`.

    Raises:
        EvaluationInputError: neither argument is given, or they do not describe the same items.
        MetricError: a metric that was added to the table fails.
    """
    if outputs is not None:
        outputs = as_numpy(outputs)
        if codes is None:
            codes, bits = binarize(outputs), None
    if codes is None:
        raise EvaluationInputError("code_quality has nothing to judge: give outputs, codes, or both")
    packed, length = packed_codes(codes, bits, "codes")
    if outputs is not None and outputs.shape != (len(packed), length):
        raise EvaluationInputError(
            f"outputs have shape {outputs.shape}, the codes {(len(packed), length)}: give the outputs of these codes"
        )
    if len(packed) == 0:
        raise EvaluationInputError("there are no codes to judge: give at least one")
    of_both = {} if outputs is None else means_of_outputs(sums_of_outputs(outputs))
    return of_both | of_codes(CodeSet(packed, length))
