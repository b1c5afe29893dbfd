"""What a row of a leaderboard is called: its method, preset and tuning, and more where that would name two."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hashbench.results.record import DEFAULT_PRESET, ResultRecord


def tuning(record: ResultRecord) -> str:
    """How the hyper-parameters came about: `defaults`, or `tuned(N)` after N trials."""
    return f"tuned({record.trials})" if record.trials else "defaults"


_FOUND_BY_A_SEARCH = re.compile(r"(?:^|\+)tuned(\d+)(?:\+[0-9a-f]{8})?$")
"""End of the label of hyper-parameters that a search found, with the digest of their values."""


def display_name(method: str, preset: str, tuning: str) -> str:
    """A row's name as people read it and as the command line takes it.

    What a search found differs from one code length to the next: that it was found, after so many trials, is the name.

    >>> display_name("dsh", "default", "defaults"), display_name("dsh", "release", "tuned(20)")
    ('dsh', 'dsh@release tuned(20)')
    >>> display_name("dsh", "default+tuned20+1a2b3c4d", "tuned(20)"), display_name("dsh", "tuned20", "tuned(20)")
    ('dsh tuned(20)', 'dsh tuned(20)')
    """
    found = _FOUND_BY_A_SEARCH.search(preset)
    start = preset[: found.start()] or DEFAULT_PRESET if found and tuning == f"tuned({found[1]})" else preset
    return method + ("" if start == DEFAULT_PRESET else f"@{start}") + ("" if tuning == "defaults" else f" {tuning}")


def row_names(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """`display_name` of rows of a table; where two would have one name under the same protocol and bits, because their
    hyper-parameters differ, a digest of these follows: `dsh (1a2b3c)`.
    """
    names = [display_name(row["method"], row["preset"], row["tuning"]) for row in rows]
    places = Counter((name, row["fingerprint"], row["bits"]) for name, row in zip(names, rows, strict=True))
    shared = {name for (name, _, _), count in places.items() if count > 1}
    return [f"{name} ({_digest(row)})" if name in shared else name for name, row in zip(names, rows, strict=True)]


def _digest(row: Mapping[Any, Any]) -> str:
    """Of the hyper-parameters; of a label too whose digest the name leaves out, since it may be of hooks."""
    label = row["preset"] if _FOUND_BY_A_SEARCH.search(row["preset"]) else ""
    return hashlib.sha256(f"{row['hparams']}{label}".encode()).hexdigest()[:6]
