"""Curves of test queries that look like real ones, made without a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hashbench.evaluation import evaluate
from hashbench.results.curves import kept_curves


@pytest.fixture
def make_curves() -> Callable[[int, int], dict[str, list[float]]]:
    """make_curves(bits, seed): of random codes of three classes, 20 queries and 200 items."""

    def make(bits: int, seed: int) -> dict[str, list[float]]:
        rng = np.random.default_rng(seed)
        words = rng.random((3, bits)) < 0.5
        labels = rng.integers(0, 3, 220)
        codes = words[labels] ^ (rng.random((220, bits)) < 0.2)
        return kept_curves(evaluate(codes[:20], codes[20:], labels[:20], labels[20:]))

    return make
