"""How good the codes themselves are, without labels: quantisation loss, and how the bits are used."""

from __future__ import annotations

from typing import Any

from hashbench.evaluation.code_set import CodeSet
from hashbench.evaluation.measure import single
from hashbench.evaluation.metrics import TABLE


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
        MetricError: a metric that was added fails.
    """
    judged = CodeSet(outputs, codes, bits)
    wanted = ("codes",) if judged.outputs is None else ("outputs", "codes")
    return {entry.name: single(entry, judged) for entry in TABLE.values() if entry.of in wanted}
