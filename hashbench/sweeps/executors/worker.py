"""A worker process on this machine: does the tasks that come through its pipe and never outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from hashbench.process import end_with_parent
from hashbench.sweeps.executors.base import attempt


def serve(tasks: Connection, folder: str, environment: Mapping[str, str]) -> None:
    """Answer each (key, pickled function and arguments) with its `Ended`, until the end of the pipe.

    Args:
        folder: the working folder of the command.
        environment: set before anything heavy is imported: threads, the GPU.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what to stop
    parent = multiprocessing.parent_process()
    end_with_parent(parent.pid if parent else None)
    os.chdir(folder)
    os.environ.update(environment)
    with suppress(EOFError):
        while True:
            key, pickled = tasks.recv()
            tasks.send(attempt(key, _call, (pickled,)))


def _call(pickled: bytes) -> Any:
    """Unpickled here, so that a module which this process cannot import is the end of that task alone."""
    function, arguments = pickle.loads(pickled)
    return function(*arguments)
