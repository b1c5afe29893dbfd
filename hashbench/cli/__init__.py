"""Command line of hashbench: one file per command, nothing heavy imported before a command needs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: see `hashbench.cli.app.main`.

    Args:
        arguments: of the command line; None: this process is the program, whose signals and outputs are taken care of.
    """
    try:
        if arguments is None:
            from hashbench.cli.as_program import as_program

            as_program()
        from hashbench.cli.app import main as run

        run(arguments)
    except (KeyboardInterrupt, ImportError, MemoryError) as error:  # `run` has told of all but its own import's
        from hashbench.cli.ending import end

        sys.exit(end(error))
    finally:
        if arguments is None:
            from hashbench.cli.as_program import ignore_ctrl_c

            ignore_ctrl_c()


__all__ = ["main"]
