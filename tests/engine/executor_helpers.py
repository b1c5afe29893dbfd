"""Tasks for executors, and an executor that does them in the process of the test."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from hashbench.sweeps.executors import Ended

STARTED = 0


def times(a, b):
    return a * b


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


class Inline:
    """Does a task when somebody waits for it.

    Args:
        deaths: tasks that die instead of being done.
        interrupt_after: tasks after which Ctrl-C comes.
        on_idle: called when there is nothing to do but to wait.
    """

    threads = None

    def __init__(self, workers=1, deaths=0, interrupt_after=None, on_idle=None):
        self.workers, self.deaths, self.interrupt_after, self.on_idle = workers, deaths, interrupt_after, on_idle
        self.waiting, self.asked = [], []

    def start(self, key, function, *arguments):
        assert len(self.waiting) < self.workers
        self.asked.append(function.__name__)
        self.waiting.append((key, function, arguments))

    def wait(self, timeout=None):
        if self.interrupt_after is not None and len(self.asked) - len(self.waiting) >= self.interrupt_after:
            raise KeyboardInterrupt
        if not self.waiting:
            assert timeout is not None, "this would wait for ever"
            if self.on_idle:
                self.on_idle()
            return []
        key, function, arguments = self.waiting.pop(0)
        if self.deaths:
            self.deaths -= 1
            return [Ended(key, death="its process was killed by SIGKILL")]
        return [Ended(key, function(*arguments))]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass
