"""What another machine does with a task: it goes where the command was given, and keeps to its share of the cores."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hashbench.errors import UserError
from hashbench.sweeps.executors.base import Ended, attempt, thread_limits


def remote_environment(threads: int | None) -> dict[str, str]:
    """Environment variables that a task needs elsewhere.

    Args:
        threads: its share of the cores; None: what its process finds.
    """
    kept = {name: os.environ[name] for name in ("HASHBENCH_CACHE",) if name in os.environ}
    return kept | (thread_limits(threads) if threads else {})


def attempt_in_folder(
    folder: str, environment: Mapping[str, str], key: int, function: Callable[..., Any], arguments: Sequence[Any]
) -> Ended:
    """`attempt` where relative paths mean what they mean where the command was given.

    Args:
        folder: the working folder of the command.
        environment: of `remote_environment`, set before anything heavy is imported.
    """
    return attempt(key, _in_folder, (folder, environment, function, arguments))


def _in_folder(
    folder: str, environment: Mapping[str, str], function: Callable[..., Any], arguments: Sequence[Any]
) -> Any:
    os.environ.update(environment)
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(f"{folder} is not on machine {platform.node()}: all need a shared file system") from error
    return function(*arguments)
