"""Studies with given scores, made without a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hashbench.tuning.study import Study, Trial

SPACE: dict[str, dict[str, list[Any]]] = {"optimizer.lr": {"log": [0.001, 1.0]}}


def a_study(
    method: str = "csq",
    scores: Sequence[float] = (0.7, 0.8, 0.75),
    *,
    bits: int = 16,
    seed: int = 0,
    protocol: str = "digits",
    epochs: Sequence[int] = (),
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Study:
    """A study whose trials have these scores (NaN: failed) and, where given, were trained for so many epochs."""
    trials = [
        Trial(
            number=number,
            values={"optimizer.lr": 0.01 * number} if number else {},
            score=score,
            failure=None if math.isfinite(score) else "diverged",
            **({"epochs": epochs[number]} if epochs else {}),
        )
        for number, score in enumerate(scores)
    ]
    run = {
        "preset": "default", "protocol": protocol, "bits": bits, "seed": seed, "settings": {"primary": "map", "epochs": 20} | (settings or {}),
        "hparams": {}, "optimizer": {"type": "Adam", "lr": 0.001}, "schedule": {},
    }  # fmt: skip
    values = {"preset": None, "sets": [], "sampler": "named", "search": SPACE, "run": run} | changes
    return Study(method=method, seed=seed, trials=trials, **values)
