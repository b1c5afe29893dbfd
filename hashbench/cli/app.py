"""The `hashbench` program: its commands, and what becomes of errors (exit codes 0, 1, 2, 130)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from hashbench.cli.ending import INTERRUPTED, end, fail
from hashbench.cli.say import failure, put
from hashbench.errors import UserError, shown

# Typer brings its own copy of click: the classes are reached through what it exports.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
ClickException: type[Exception] = UsageError.__bases__[0]

COMMANDS = {
    "list": ("list_", "Methods, backbones, data sets and protocols."),
    "show": ("show", "One of them: source, defaults, presets, published numbers."),
    "run": ("run", "Train (or fit) one method, test it once, keep the result."),
    "evaluate": ("evaluate", "Measure codes from a file, exactly."),
    "sweep": ("sweep", "Many runs; what is finished is skipped."),
    "tune": ("tune", "Try settings of a method on validation queries only."),
    "tuning-curves": ("tuning_curves", "The order of methods over the number of trials."),
    "leaderboard": ("leaderboard", "Summarise runs over seeds, in ranked tables."),
    "figures": ("figures", "Draw figures from finished runs and studies."),
    "check-data": ("check_data", "Look at a data set or a protocol before training."),
    "check": ("check", "Check that a method keeps the contract."),
    "new-method": ("new_method", "Write the files of a new method."),
    "reproduce": ("reproduce", "Make a table or figure of the papers again."),
    "search": ("search", "Search a run's database by Hamming distance, exactly."),
    "gallery": ("gallery", "A page of what a run's codes retrieve."),
    "export": ("export", "Codes, index and encoder of a run, to deploy."),
    "env": ("env", "Versions, processor, threads, GPUs, folder of the cache."),
}
"""Each command, its module in `hashbench.cli`, which has a function of the module's name, and what the list of commands
says of it on a terminal of 80 columns."""


def program(called: str | None = None) -> typer.Typer:
    """The program with all commands, or with the called one alone: reading the options of all takes a while."""
    app = typer.Typer(
        name="hashbench",
        help="Compare learning-to-hash methods under one protocol, with exact evaluation.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: drawing boxes would cost a third of the time to answer
    )
    app.callback()(_options)
    commands = {called: COMMANDS[called]} if called in COMMANDS else COMMANDS
    for command, (module, short) in commands.items():
        app.command(command, short_help=short)(getattr(import_module(f"hashbench.cli.{module}"), module))
    return app


def _version(value: bool) -> None:
    if value:
        from hashbench import __version__

        put(f"hashbench {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit: 0 done, 1 a run failed, 2 the request was wrong (one line), 130 interrupted."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    words = list(arguments) if arguments is not None else sys.argv[1:]
    try:
        _check_working_folder()
        result = program(words[0] if words else None)(args=words, standalone_mode=False)
        code = int(result or 0)
        if code == INTERRUPTED:  # typer turns Ctrl-C into this itself
            fail("interrupted")
    except typer.Abort:
        fail("interrupted")
        code = INTERRUPTED
    except ClickException as error:
        code = _fail_usage(error)
    except SystemExit as error:  # of a method or plugin: no command of ours ends in this way
        fail(f"something that was imported or run ended the program (SystemExit: {shown(error.code)})")
        code = 1
    except BaseException as error:
        code = end(error)
    if problem := failure():
        fail(problem)
        code = code or 1
    return code


def _check_working_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the working folder has been deleted: change to one that exists") from error


def _fail_usage(error: Any) -> int:
    """A wrong command line, as click reports it, in one line."""
    if type(error).__name__ == "NoArgsIsHelpError":
        put(error.format_message())
        return 2
    context = getattr(error, "ctx", None)
    where = f" (see {context.command_path} --help)" if context else ""
    # A newer typer checks values by pydantic, which says so in the message.
    fail(error.format_message().replace("Value error, ", "").rstrip(".") + where)
    return 2
