"""What is printed at the end of a run: its main numbers, where everything is, and what to try next."""

from __future__ import annotations

import math
import shlex

from rich.table import Table

from hashbench.cli.console import Console
from hashbench.engine.run import Outcome
from hashbench.evaluation.metrics import shown
from hashbench.paths import is_file
from hashbench.results.known_metric import known_metric


def print_outcome(outcome: Outcome, again: str) -> None:
    """Print the result's main numbers, where everything is, and commands that go on from here.

    Args:
        again: the command of the same run with the next seed; empty where there is none.
    """
    record, console = outcome.record, Console()
    metrics = record.metrics
    state = "" if outcome.fresh else " (finished earlier)"
    table = Table(
        title=f"{record.method} ({record.preset}) on {record.protocol}, {record.bits} bits, seed {record.seed}{state}"
    )
    table.add_column("metric")
    table.add_column("value", justify="right")
    for name in shown(metrics, "run"):
        member = known_metric(name)
        if member.at is not None:
            table.add_row(name, f"{metrics[name]:.4f}")
            continue
        table.add_row(member.label + (", expected over ties" if member.bounds else ""), f"{metrics[name]:.4f}")
        if member.bounds:
            ends = " .. ".join(f"{metrics[bound]:.4f}" for bound in member.bounds)
            table.add_row("  worst .. best order of ties", ends)
    without, queries = record.left_out or (0, 0)
    if without:
        table.add_row("test queries left out, nothing is relevant", f"{without:,} of {queries:,}")
    table.add_row("selected epoch", f"{record.selection.get('epoch', '–')} of {len(record.history)}")
    epoch, total = (record.timing.get(name, math.nan) for name in ("seconds_per_epoch", "total_seconds"))
    table.add_row("seconds per epoch / in all", f"{epoch:.2f} / {total:.1f}")
    console.print(table)
    for warning in record.warnings:
        console.print(f"warning  {warning}", soft_wrap=True)
    run = outcome.run
    console.print(f"result   {run.result_path}", soft_wrap=True)
    if is_file(run.codes_path):  # a method that ranks by real vectors has none
        console.print(f"codes    {run.codes_path}", soft_wrap=True)
    commands = [again, shlex.join(["hashbench", "leaderboard", str(run.out), "--csv", "leaderboard.csv"])]
    for word, command in zip(("next", ""), filter(None, commands), strict=False):
        console.print(f"{word:<8} {command}", soft_wrap=True)
