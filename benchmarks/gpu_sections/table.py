"""The results as a page of Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def as_table(results: Mapping[str, Any]) -> str:
    """Every section: how it ended, its single values in a line each, its rows as a table.

    >>> print(as_table({"sections": {"step": {"state": "done", "notes": [], "rows": [{"ms": 1.23456, "n": 2}]}}}))
    ## step: done
    <BLANKLINE>
    | ms | n |
    | --- | --- |
    | 1.235 | 2 |
    """
    lines = [f"{name}: {_shown(value)}" for name, value in results.items() if name not in ("sections", "notes")]
    lines += [f"note: {note}" for note in results.get("notes", ())]
    for name, section in results["sections"].items():
        lines += ["", f"## {name}: {section['state']}", ""] if lines else [f"## {name}: {section['state']}", ""]
        for key, value in section.items():
            if key == "notes":
                lines += [f"note: {note}" for note in value]
            elif key != "state" and not _is_table(value):
                lines.append(f"{key}: {_shown(value)}")
        for rows in filter(_is_table, section.values()):
            lines += [*([""] if lines[-1] else []), *_rows(rows)]
    return "\n".join(lines)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_shown(row.get(name)) for name in names] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
