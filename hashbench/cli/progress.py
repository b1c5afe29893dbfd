"""Progress of a run: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hashbench.cli.console import Console
from hashbench.cli.say import as_line, say
from hashbench.engine.reporter import Reporter, epoch_line


class PlainReporter(Reporter):
    """One line per epoch on standard error; results go to standard output."""

    def message(self, text: str) -> None:
        """Print and log."""
        super().message(text)
        say(text)

    def warning(self, text: str) -> None:
        """Print and log."""
        super().warning(text)
        say(f"warning: {text}")

    def epoch(self, record: dict[str, Any], epochs: int, primary: str) -> None:
        """Print and log."""
        super().epoch(record, epochs, primary)
        say(epoch_line(record, epochs, primary))


class LiveReporter(Reporter):
    """A bar over all steps with the last epoch's numbers and the time left."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
        )

    def message(self, text: str) -> None:
        """Print above the bar and log."""
        super().message(text)
        self.console.print(as_line(text))

    def warning(self, text: str) -> None:
        """Print above the bar and log."""
        super().warning(text)
        self.console.print(as_line(f"warning: {text}"), style="yellow")

    def begin(self, epochs: int, steps_per_epoch: int, done: int) -> None:
        """Show the bar."""
        self._task = self._progress.add_task(
            "training", total=epochs * steps_per_epoch, completed=done * steps_per_epoch
        )
        self._progress.start()

    def step(self) -> None:
        """Move the bar; it is drawn at its own pace."""
        self._progress.advance(self._task)

    def epoch(self, record: dict[str, Any], epochs: int, primary: str) -> None:
        """Show the epoch's numbers beside the bar."""
        super().epoch(record, epochs, primary)
        self._progress.update(self._task, description=epoch_line(record, epochs, primary))

    def end(self) -> None:
        """Take the bar away."""
        self._progress.stop()


def reporter() -> Reporter:
    """The reporter that fits where standard error goes."""
    return LiveReporter() if sys.stderr.isatty() else PlainReporter()
