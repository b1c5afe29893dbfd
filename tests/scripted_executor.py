"""An executor within the process of the test, whose tasks die and whose user presses Ctrl-C when the test says so."""

from __future__ import annotations

from hashbench.sweeps.executors import Ended, Executor, attempt


class ScriptedExecutor(Executor):
    """Does a task when somebody waits for it, or whatever it is to do instead.

    Args:
        workers: tasks that may be started before the first is waited for.
        deaths: tasks that die instead of being done.
        interrupt_after: tasks after which Ctrl-C comes.
        on_idle: called when there is nothing to do but to wait.
    """

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
        return [attempt(key, function, arguments)]
