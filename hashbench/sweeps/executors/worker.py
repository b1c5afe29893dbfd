"""A worker process on this machine: does the tasks that come through its pipe and never outlives its parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from hashbench.sweeps.executors.base import attempt

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(tasks: Connection, environment: Mapping[str, str]) -> None:
    """Answer each (key, pickled function and arguments) with its `Ended`, until the end of the pipe.

    Args:
        environment: set before anything heavy is imported: threads, the GPU.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what to stop
    end_with_parent()
    os.environ.update(environment)
    with suppress(EOFError):
        while True:
            key, pickled = tasks.recv()
            tasks.send(attempt(key, _call, (pickled,)))


def _call(pickled: bytes) -> Any:
    """Unpickled here, so that a module which this process cannot import is the end of that task alone."""
    function, arguments = pickle.loads(pickled)
    return function(*arguments)


def end_with_parent() -> None:
    """Die at once when the parent does, however it does: an orphan would go on writing where the next call begins.

    A thread watches the parent. On Linux the kernel is asked too: compiled code that holds the interpreter's lock,
    such as an evaluation, would keep the thread waiting.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
