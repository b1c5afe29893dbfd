"""What becomes of a metric of somebody's own that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hashbench.errors import UserError
from hashbench.evaluation import MetricError


@contextmanager
def own_metrics_refused() -> Iterator[None]:
    """It is wrong with the request, not with the run: a UserError in the metric's own words."""
    try:
        yield
    except MetricError as error:
        raise UserError(str(error)) from error
