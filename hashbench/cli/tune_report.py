"""What `hashbench tune` says at its end: the best of each study, what they cost, and the command that uses them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.cli.run_options import RunOptions
from hashbench.cli.say import put

if TYPE_CHECKING:
    from hashbench.tuning.under_way import Search


def report(found: Sequence[Search], out: Path, protocol: str, options: RunOptions) -> None:
    """Best values, budgets and commands.

    Args:
        found: searches of which trials have a score.
        out: `--out`.
    """
    if len(found) == 1 and not found[0].label:
        _report_one(found[0], protocol, options)
        return
    rows: list[tuple[str, ...]] = [("study", "best", "trial", "defaults", "tried", "settings")]
    rows += [_row(search) for search in found]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        put("  ".join([*cells, row[5]]))
    put(f"studies: {out / protocol}")
    names = list(dict.fromkeys(search.study.name for search in found))
    lengths = list(dict.fromkeys(search.study.run["bits"] for search in found))
    put(_sweep(names, lengths, protocol, str(out), options))


def _row(search: Search) -> tuple[str, ...]:
    study = search.study
    best = study.best()
    settings = " ".join(study.best_sets()) or "the defaults"
    return search.label, f"{best.score:.4f}", str(best.number), _of_defaults(search), budget(search), settings


def _report_one(search: Search, protocol: str, options: RunOptions) -> None:
    """The best setting, and the commands that run it with test queries and all."""
    study, bits = search.study, search.study.run["bits"]
    best = study.best()
    failed = sum(trial.failure is not None for trial in study.trials)
    tried = f"{len(study.trials)} trials" + (f", {failed} of which failed," if failed else "")
    put(
        f"{study.method}, {bits} bits: best of {tried} on validation {best.score:.4f} "
        f"(trial {best.number}; the defaults: {_of_defaults(search)})"
    )
    put("settings: " + (" ".join(study.best_sets()) or "the defaults"))
    put(f"cost: {budget(search)}")
    put(f"study: {search.path}")
    start = ["--preset", study.preset] if study.preset and "@" in study.name else []
    run = ["hashbench", "run", "--method", study.method, *start, "--protocol", protocol, "--bits", str(bits)]
    put(shlex.join([*run, "--tuned", str(search.path), *options.as_words()]))
    put(_sweep([study.name], [bits], protocol, str(search.path), options))


def _of_defaults(search: Search) -> str:
    defaults = next((trial for trial in search.study.trials if trial.number == 0), None)
    if defaults is None or defaults.failure:
        return "not tried" if defaults is None else "failed"
    short = search.study.halving and defaults.epochs < search.study.run["settings"]["epochs"]
    return f"{defaults.score:.4f}" + (f" after {defaults.epochs} epochs" if short else "")


def budget(search: Search) -> str:
    """What a study cost: `24 trials, 360 epochs = 12 whole runs`."""
    study = search.study
    number, epochs = len(study.trials), study.run["settings"]["epochs"]
    if not study.run["optimizer"]:
        return f"{number} fits"
    return f"{number} trials, {study.epochs} epochs = {study.epochs / epochs:.3g} whole runs"


def _sweep(names: Sequence[str], lengths: Sequence[int], protocol: str, tuned: str, options: RunOptions) -> str:
    bits = ",".join(map(str, lengths))
    words = ["hashbench", "sweep", "--methods", ",".join(names), "--bits", bits, "--seeds", "0-2"]
    return shlex.join([*words, "--protocols", protocol, "--tuned", tuned, *options.as_words()])
