"""Tasks for executors, and how to tell what became of their processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from hashbench.errors import UserError

STARTED = 0


def times(a, b):
    return a * b


def refuse():
    raise UserError("it was refused")


def environment(name):
    return os.environ.get(name)


def count():
    """(process, how many tasks it has done): what a worker keeps between two tasks."""
    global STARTED
    STARTED += 1
    return os.getpid(), STARTED


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def leave(code):
    os._exit(code)


def interrupt_me():
    """What Ctrl-C does to a worker."""
    os.kill(os.getpid(), signal.SIGINT)
    return "alive"


def work_for_ever(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def finish_when_called_again(path):
    """The first call notes its process and never ends."""
    if Path(path).exists():
        return "called again"
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def is_alive(pid):
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
