"""The `hashbench` program: its commands, and what becomes of errors (exit codes 0, 1, 2, 130)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hashbench.cli.check import check
from hashbench.cli.check_data import check_data
from hashbench.cli.env import env
from hashbench.cli.evaluate import evaluate
from hashbench.cli.export import export
from hashbench.cli.figures import figures
from hashbench.cli.gallery import gallery
from hashbench.cli.leaderboard import leaderboard
from hashbench.cli.list_ import list_
from hashbench.cli.new_method import new_method
from hashbench.cli.reproduce import reproduce
from hashbench.cli.run import run
from hashbench.cli.search import search
from hashbench.cli.show import show
from hashbench.cli.sweep import sweep
from hashbench.cli.tune import tune
from hashbench.errors import Interrupted, RunFailedError, UserError

# Typer brings its own copy of click in newer versions; the classes are reached through what it exports in all of them.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
ClickException: type[Exception] = UsageError.__bases__[0]

app = typer.Typer(
    name="hashbench",
    help="Compare learning-to-hash methods under one protocol, with exact evaluation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: drawing boxes would cost a third of the time to answer
)
app.command("list")(list_)
app.command("show")(show)
app.command("run")(run)
app.command("evaluate")(evaluate)
app.command("sweep")(sweep)
app.command("tune")(tune)
app.command("leaderboard")(leaderboard)
app.command("figures")(figures)
app.command("check-data")(check_data)
app.command("check")(check)
app.command("new-method")(new_method)
app.command("reproduce")(reproduce)
app.command("search")(search)
app.command("gallery")(gallery)
app.command("export")(export)
app.command("env")(env)


def _version(value: bool) -> None:
    if value:
        from hashbench import __version__

        typer.echo(f"hashbench {__version__}")
        raise typer.Exit


@app.callback()
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
    try:
        result = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        return _fail("interrupted", 130) if result == 130 else int(result or 0)  # typer turns Ctrl-C into 130 itself
    except Interrupted as error:
        return _fail(str(error), 130)
    except UserError as error:
        return _fail(str(error), 2)
    except RunFailedError as error:
        return _fail(str(error), 1)
    except ClickException as error:
        return _fail_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _fail_usage(error: Any) -> int:
    """A wrong command line, as click reports it, in one line."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 2
    context = getattr(error, "ctx", None)
    where = f" (see {context.command_path} --help)" if context else ""
    # A newer typer checks values by pydantic, which says so in the message.
    return _fail(error.format_message().replace("Value error, ", "").rstrip(".") + where, 2)


def _fail(message: str, code: int) -> int:
    typer.echo("error: " + " ".join(message.split()), err=True)
    return code
