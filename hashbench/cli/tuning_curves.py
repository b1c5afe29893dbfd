"""`hashbench tuning-curves`: from studies to what a search of so many trials can be expected to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.say import put, say
from hashbench.errors import UserError, did_you_mean, shown

if TYPE_CHECKING:
    from hashbench.tuning.study import Study

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def tuning_curves(
    studies: Annotated[
        list[Path],
        typer.Argument(help="Files of `hashbench tune`, and folders that hold some, at any depth.", show_default=False),
    ],
    csv: Annotated[Optional[Path], typer.Option(help="Write the curves as CSV to this file.")] = None,
    figure: Annotated[
        Optional[Path], typer.Option(help="Draw the curves to this .svg, .png or .pdf file.", show_default=False)
    ] = None,
    protocol: Annotated[Optional[str], typer.Option(help="Only this protocol.")] = None,
    bits: Annotated[Optional[str], typer.Option(help="Only these code lengths: 32, or 16,32.")] = None,
    methods: Annotated[Optional[str], typer.Option(help="Only these methods: dsh, or dsh,csq.")] = None,
) -> None:
    """Show the order of methods as a function of the number of trials that each of them is given.

    The expected best validation value of n of a study's trials (Dodge et al. 2019: draws with replacement, exactly),
    its spread, and where one method passes another. Studies of one method that differ in their seed make one curve.
    Files in folders that are no study are named and left out; the exit code is then 1.
    """
    from hashbench.cli.lists import numbers, words
    from hashbench.cli.tuning_tables import show_curves
    from hashbench.results.atomic import write_text
    from hashbench.tuning.find_studies import find_studies
    from hashbench.tuning.tuning_curves import tuning_curves as curves_of

    if figure is not None:
        from hashbench.report.figures.write_sheets import check_suffix

        check_suffix(figure)
    found, problems = find_studies(studies)
    for problem in problems:
        say(f"warning: {problem}")
    if found:
        if protocol is not None:
            found = _with("protocol", [protocol], lambda study: str(study.run["protocol"]), found)
        if methods is not None:
            found = _with("method", words(methods, "--methods"), lambda study: study.method, found)
        if bits is not None:
            lengths = [str(number) for number in numbers(bits, "--bits")]
            found = _with("bits", lengths, lambda study: str(study.run["bits"]), found)
        groups = curves_of(found)
        show_curves(groups)
        if csv:
            from hashbench.report.tuning_csv import to_csv

            write_text(csv, to_csv(groups))
        if figure:
            from hashbench.report.figures.budgets import budget_sheets
            from hashbench.report.figures.write_sheets import write_sheets

            for path in write_sheets(budget_sheets(groups), figure):
                put(f"figure: {path}")
    if problems:
        raise typer.Exit(1)


def _with(
    what: str, wanted: Sequence[str], of: Callable[[Study], str], studies: list[tuple[Path, Study]]
) -> list[tuple[Path, Study]]:
    """Those that were asked for; asking for what no study has is an error that says what there is."""
    known = {of(study) for _, study in studies}
    for name in wanted:
        if name not in known:
            raise UserError(f"no study of {what} {shown(name)}. {did_you_mean(name, known)}")
    return [(path, study) for path, study in studies if of(study) in wanted]
