"""The comparison as Markdown, which is also what the command prints, and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from hashbench.foreign_text import csv_cell, markdown
from hashbench.reproduce.plan import Plan
from hashbench.reproduce.rows import Row
from hashbench.results.record import ResultRecord

_LEGEND = (
    "A cell is ours, mean ± standard deviation over seeds, then in brackets the printed number and ours minus it; – is "
    "not measured or not printed. All shares are in [0, 1]."
)
_VERDICT = {
    "yes": "The printed numbers are comparable.",
    "with caveats": "The printed numbers are comparable, with caveats",
    "no": "**Not comparable** with the printed numbers",
}
_SMALL = 1e-3
_ROUNDING = 1e-12
"""Below this a spread is that of sums of floats; the smallest share, one item of one query, is far above it."""


def to_csv(name: str, budget: str, rows: Iterable[Row]) -> str:
    """One line per row: target, budget, then the attributes of `Row`; empty where a number is missing."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["target", "budget", *Row._fields])
    for row in rows:
        cells = [_plain(value) for value in row]
        writer.writerow([csv_cell(cell) for cell in (name, budget, *cells)])
    return buffer.getvalue()


def to_markdown(plan: Plan, rows: Sequence[Row], records: Iterable[ResultRecord], problems: Sequence[str] = ()) -> str:
    """Heading, what was reduced, one table per data set, where and when it was measured, notes."""
    blocks = [f"# {plan.target.title}", f"`hashbench reproduce {plan.name} --budget {plan.budget}`"]
    blocks += _list("Against the paper's protocol:", plan.reduced or ["nothing is reduced"])
    for dataset in dict.fromkeys(row.dataset for row in rows):
        blocks += _of_dataset(dataset, [row for row in rows if row.dataset == dataset])
    blocks.append(_LEGEND)
    blocks += _list("About the printed numbers:", plan.target.notes)
    blocks += _list("Runs without a result:", [markdown(problem) for problem in problems])
    blocks += _list("Measured:", [markdown(fact) for fact in _provenance(records)])
    return "\n\n".join(blocks) + "\n"


def _of_dataset(dataset: str, rows: Sequence[Row]) -> list[str]:
    """One table: a column for each code length where there is one metric, else for each metric."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    several = len({row.backbone for row in rows}) > 1
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    marks: dict[tuple[str, ...], str] = {}
    for row in rows:
        name = f"{row.name}, {row.backbone}" if several else row.name
        key = (name, str(row.bits)) if len(metrics) > 1 else (name,)
        marks[key] = marks.get(key) or row.comparable
        lines.setdefault(key, {})[row.metric if len(metrics) > 1 else f"{row.bits} bits"] = _cell(row)
    columns = list(dict.fromkeys(column for cells in lines.values() for column in cells))
    head = ["method", "bits"] if len(metrics) > 1 else ["method"]
    body = [[*key, *(cells.get(column, "–") for column in columns), marks[key]] for key, cells in lines.items()]
    protocols = ", ".join(dict.fromkeys(row.protocol for row in rows))
    title = f"## {dataset}{f', {metrics[0]}' if len(metrics) == 1 else ''} (ours: {protocols})"
    return [title, *_verdicts(rows), _grid([*head, *columns, "comparable"], body)]


def _verdicts(rows: Sequence[Row]) -> list[str]:
    """Whether the numbers may be compared, once for each reason, with the rows or columns that it is about."""
    about: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.comparable:
            about.setdefault((row.comparable, row.reason), []).append(row)
    if not about:
        return ["No number is printed for these rows."]
    texts = []
    for (comparable, reason), group in about.items():
        metrics = ", ".join(dict.fromkeys(row.metric for row in group))
        which = f" ({group[0].setup}: {metrics})" if len(about) > 1 else ""
        texts.append(_VERDICT[comparable] + which + (f": {reason}" if reason else ""))
    return ["\n".join(f"- {text}" for text in texts)] if len(texts) > 1 else texts


def _cell(row: Row) -> str:
    if math.isnan(row.mean):
        return "–" if math.isnan(row.printed) else f"– ({number(row.printed)})"
    ours = number(row.mean) + ("" if math.isnan(row.std) else f" ± {number(row.std)}")
    if math.isnan(row.printed):
        return ours
    return f"{ours} ({number(row.printed)}, {'+' if row.difference >= 0 else '-'}{number(abs(row.difference))})"


def number(value: float) -> str:
    """Four decimals, or two digits of what is too small for them.

    >>> number(0.31416), number(1.7e-7), number(0.0), number(6.86)
    ('0.3142', '1.7e-07', '0', '6.8600')
    """
    if abs(value) < _ROUNDING:
        return "0"
    return f"{value:.1e}" if abs(value) < _SMALL else f"{value:.4f}"


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with its columns under each other."""
    columns, rows = [markdown(name) for name in columns], [[markdown(cell) for cell in row] for row in rows]
    widths = [max(len(line[place]) for line in [columns, *rows]) for place in range(len(columns))]
    ruler = ["-" * width for width in widths]
    lines = [columns, ruler, *rows]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def _list(heading: str, items: Sequence[str]) -> list[str]:
    return ["\n".join([heading, "", *(f"- {item}" for item in items)])] if items else []


def _provenance(records: Iterable[ResultRecord]) -> list[str]:
    """When, by which commit, on what, and how long it took, of all runs that have a result."""
    runs = list(records)
    if not runs:
        return []
    days = sorted({str(run.environment.get("date", ""))[:10] for run in runs})
    seconds = sum(run.timing.get("total_seconds", 0.0) for run in runs)
    when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    commits = {_commit(run) for run in runs if run.environment.get("commit")}
    return [
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}, {seconds:.0f} s in all, {when}",
        *([f"commit {', '.join(sorted(commits))}"] if commits else []),
        *dict.fromkeys(_machine(run) for run in runs),
    ]


def _commit(run: ResultRecord) -> str:
    environment = run.environment
    return f"{environment['commit'][:10]}{' with changes' if environment.get('dirty') else ''}"


def _machine(run: ResultRecord) -> str:
    environment = run.environment
    cpu = environment.get("cpu") or {}
    device = run.environment.get("device", "cpu")
    gpus = ", ".join(environment.get("gpus") or []) if str(device).startswith("cuda") else "no GPU used"
    return f"{cpu.get('usable_cores', '?')} cores of {cpu.get('model', 'an unknown processor')}, {gpus}"


def _plain(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
