"""Quantities as axes name them."""

from __future__ import annotations

import re

_NAMES = {
    "map": "mAP",
    "quantization_error": "quantisation error",
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
_AT = {"map": "mAP@{}", "precision": "precision@{}", "recall": "recall@{}", "ndcg": "nDCG@{}"}


def quantity(name: str) -> str:
    """The name of a metric or of an entry of a history on an axis; one that is not known, with spaces.

    >>> quantity("val_map@5000"), quantity("precision@r2"), quantity("dcc_flipped")
    ('validation mAP@5000', 'precision, r ≤ 2', 'dcc flipped')
    """
    if name.startswith("val_"):
        return f"validation {quantity(name.removeprefix('val_'))}"
    if name in _NAMES:
        return _NAMES[name]
    radius = re.fullmatch(r"(\w+)@r(\d+)", name)
    if radius:
        return f"{radius[1]}, r ≤ {radius[2]}"
    base, _, cut = name.partition("@")
    return _AT[base].format(cut) if cut and base in _AT else name.replace("_", " ")
