"""The catalogue, and results that no run has made."""

from __future__ import annotations

import pytest

from hashbench.catalog import load_catalog
from hashbench.results.record import SCHEMA, ResultRecord


@pytest.fixture(scope="session")
def catalog():
    """The catalogue that ships."""
    return load_catalog()


@pytest.fixture
def record():
    """record(spec, map=0.5, ...) -> the result of a run, with these metrics."""

    def make(spec, seconds=1.0, **metrics) -> ResultRecord:
        return ResultRecord.model_validate(
            {
                "schema": SCHEMA,
                "fingerprint": "f" * 16,
                "protocol": spec.protocol,
                "method": spec.method,
                "bits": spec.bits,
                "seed": spec.seed,
                "metrics": {name.replace("_at_", "@"): value for name, value in metrics.items()},
                "timing": {"seconds_per_epoch": seconds, "total_seconds": 60.0},
                "environment": {"date": "2026-11-22T00:00:00", "commit": "abc", "dirty": True, "device": "cpu"},
                "backbone": spec.settings.backbone,
                "dataset": spec.settings.dataset,
            }
        )

    return make
