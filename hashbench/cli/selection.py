"""Which finished runs a command works on: what is found below the folders given, and what the options choose of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.cli.say import say
from hashbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from hashbench.results.folder import RunFolder


def finished_runs(
    roots: Sequence[Path], *, protocol: str | None = None, bits: str | None = None, methods: str | None = None
) -> tuple[list[RunFolder], list[str]]:
    """Find runs, say on stderr what cannot be counted, and keep those that were asked for.

    Args:
        roots: folders that hold runs.
        protocol: only this one; None: all.
        bits: code lengths as on the command line, `16,32`; None: all.
        methods: names as on the command line, `dsh,csq`; None: all.

    Returns:
        The runs, and one line for each result that had to be left out: a command exits with 1 if there is any. No runs
        only where there is such a line.

    Raises:
        UserError: no finished run, or none with what was asked for.
    """
    from hashbench.results.find import find_runs

    lengths, names = _code_lengths(bits), _names(methods)
    runs, problems, unfinished = find_runs(roots)
    for problem in problems:
        say(f"warning: {problem}")
    if unfinished:
        say(f"{unfinished} unfinished {'run is' if unfinished == 1 else 'runs are'} not shown.")
    if not runs and not problems:
        places = ", ".join(str(root) for root in roots)
        raise UserError(f"{places}: no finished run. Make one with `hashbench run --method NAME --out DIR`.")
    return (_chosen(runs, protocol, lengths, names) if runs else []), problems


def _code_lengths(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--bits {text}: give whole numbers from 1 on, with commas between them: --bits 16,32.")
    return [int(part) for part in parts]


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"--methods {text}: give names with commas between them: --methods dsh,csq.")
    return names


def _chosen(
    runs: Sequence[RunFolder], protocol: str | None, bits: Sequence[int] | None, methods: Sequence[str] | None
) -> list[RunFolder]:
    """Those that were asked for; asking for what no run has is an error that says what there is."""
    protocols = {run.record.protocol for run in runs}
    if protocol is not None and protocol not in protocols:
        raise UserError(f"no run of protocol {protocol!r}. {did_you_mean(protocol, protocols)}")
    runs = [run for run in runs if protocol in (None, run.record.protocol)]
    known = {run.record.method for run in runs}
    for name in methods or ():
        if name not in known:
            raise UserError(f"no run of method {name!r}. {did_you_mean(name, known)}")
    runs = [run for run in runs if methods is None or run.record.method in methods]
    there = {run.record.bits for run in runs}
    absent = sorted(set(bits or ()) - there)
    if absent:
        raise UserError(f"no run with {_listed(absent)} bits. There are runs with {_listed(sorted(there))} bits.")
    return [run for run in runs if bits is None or run.record.bits in bits]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
