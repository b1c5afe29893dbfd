"""What a row of a leaderboard is called: its method, preset and tuning, and more where that would name two."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hashbench.results.record import DEFAULT_PRESET, ResultRecord


def tuning(record: ResultRecord) -> str:
    """How the hyper-parameters came about: `defaults`, or `tuned(N)` after N trials."""
    return f"tuned({record.trials})" if record.trials else "defaults"


def display_name(method: str, preset: str, tuning: str) -> str:
    """A row's name as people read it and as the command line takes it.

    >>> display_name("dsh", "default", "defaults"), display_name("dsh", "release", "tuned(20)")
    ('dsh', 'dsh@release tuned(20)')
    """
    return method + ("" if preset == DEFAULT_PRESET else f"@{preset}") + ("" if tuning == "defaults" else f" {tuning}")


def row_names(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """`display_name` of rows of a table; where two would have one name under the same protocol and bits, because their
    hyper-parameters differ, a digest of these follows: `dsh (1a2b3c)`.
    """
    names = [display_name(row["method"], row["preset"], row["tuning"]) for row in rows]
    places = Counter((name, row["fingerprint"], row["bits"]) for name, row in zip(names, rows, strict=True))
    shared = {name for (name, _, _), count in places.items() if count > 1}
    return [
        f"{name} ({hashlib.sha256(row['hparams'].encode()).hexdigest()[:6]})" if name in shared else name
        for name, row in zip(names, rows, strict=True)
    ]
