"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Plugins = Annotated[
    Optional[list[Path]],  # noqa: UP045 - typer reads this at run time on Python 3.10
    typer.Option("--plugin", help="A registry.yaml (or its folder) of a method that is not packaged. Repeatable."),
]
Imports = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--import", help="A Python file, run to register methods, data sets, metrics, ... by decorators. Repeatable."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
