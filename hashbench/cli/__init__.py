"""Command line of hashbench: one file per command, nothing heavy imported before a command needs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: see `hashbench.cli.app.main`."""
    try:
        from hashbench.cli.app import main as run
    except KeyboardInterrupt:  # within the first tenths of a second
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)
    run(arguments)


__all__ = ["main"]
