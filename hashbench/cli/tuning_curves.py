"""`hashbench tuning-curves`: from studies to what a search of so many trials can be expected to find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from hashbench.cli.say import put

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
    from hashbench.cli.studies import chosen_studies
    from hashbench.cli.tuning_tables import show_curves
    from hashbench.report.figures.write_sheets import check_suffix, write_sheets
    from hashbench.results.atomic import write_text
    from hashbench.tuning.tuning_curves import tuning_curves as curves_of

    if figure:
        check_suffix(figure)  # before the work
    found, problems = chosen_studies(studies, protocol=protocol, bits=bits, methods=methods)
    groups = curves_of(found)
    show_curves(groups)
    if csv:
        from hashbench.report.tuning_csv import to_csv

        write_text(csv, to_csv(groups))
    if figure:
        from hashbench.report.figures.budgets import budget_sheets

        for path in write_sheets(budget_sheets(groups), figure):
            put(f"figure: {path}")
    if problems:
        raise typer.Exit(1)
