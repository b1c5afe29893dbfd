"""Metrics as a notebook shows them: a table in HTML, with the bounds of ties beside the expected value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from hashbench.evaluation.metric_names import find


def metrics_html(title: str, metrics: Mapping[str, float], notes: Sequence[str] = ()) -> str:
    """A table of metrics.

    Args:
        title: above the table.
        metrics: flat names as in result.json; names of bounds (`map_worst`) stand beside what they bound.
        notes: lines below the table.

    Returns:
        HTML that needs no style sheet.
    """
    bounds, rows = set(), []
    for name, value in metrics.items():
        member = find(name)
        ends = [end for end in (member.bounds if member else ()) if end in metrics]
        bounds |= set(ends)
        if name in bounds:
            continue
        label = member.label if member else name
        between = " to ".join(_number(metrics[end]) for end in ends)
        rows.append(
            f'<tr><td style="text-align:left">{escape(label)}</td><td>{_number(value)}</td><td>{between}</td></tr>'
        )
    head = '<tr><th style="text-align:left">metric</th><th>value</th><th>worst to best order of ties</th></tr>'
    below = "".join(f"<div>{escape(note)}</div>" for note in notes)
    return f"<div><b>{escape(title)}</b><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{below}</div>"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
