"""Quantities as axes name them: metrics as the table of metrics does, and what methods report of themselves."""

from __future__ import annotations

from hashbench.evaluation.metrics import label
from hashbench.results.record import VALIDATION

_NAMES = {
    "loss": "training loss",
    "oracle_calls": "oracle calls",
    "dual_active": "share of non-zero duals",
    "dual_max": "largest |y|",
    "u_binary_gap": "mean of ||u| − 1|",
    "u_distance": "distance of u to h, RMS",
    "stationarity": "stationarity, dist(0, ∂L)",
    "stationarity_u": "stationarity, u block",
    "stationarity_y": "stationarity, y block",
    "stationarity_theta": "stationarity, θ block",
    "lagrangian": "Lagrangian",
    "lyapunov": "Lyapunov value",
}


def quantity(name: str) -> str:
    """The name of a metric or of an entry of a history on an axis; one that is not known, with spaces.

    >>> quantity("val_map@5000"), quantity("precision@r2"), quantity("dcc_flipped")
    ('validation mAP@5000', 'precision, r ≤ 2', 'dcc flipped')
    """
    metric = metric_of(name)
    return f"validation {label(metric)}" if metric else _NAMES.get(name) or label(name)


def metric_of(name: str) -> str | None:
    """The metric whose validation an entry of a history is; None where it is something else."""
    return name.removeprefix(VALIDATION) if name.startswith(VALIDATION) else None
