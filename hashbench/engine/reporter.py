"""What a run tells whoever watches it. The command line shows it; tests and sweeps may stay silent."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("hashbench.run")


class Reporter:
    """Says nothing on screen; everything goes to the log. Subclasses show it."""

    def message(self, text: str) -> None:
        """One line about the run."""
        logger.info(text)

    def warning(self, text: str) -> None:
        """One line about something that the user should know."""
        logger.warning(text)

    def begin(self, epochs: int, steps_per_epoch: int, done: int) -> None:
        """Training starts, or goes on after `done` epochs."""

    def step(self) -> None:
        """An optimizer step was taken. Called often: must cost nothing."""

    def epoch(self, record: dict[str, Any], epochs: int, primary: str) -> None:
        """An epoch is over, validated and saved; `record` is its entry in the history."""
        logger.info(epoch_line(record, epochs, primary))

    def end(self) -> None:
        """Training is over or was interrupted."""


def epoch_line(record: dict[str, Any], epochs: int, primary: str) -> str:
    """An epoch in one line: `epoch 3/30  loss 0.412  val map 0.731  0.4 s`."""
    parts = [f"epoch {record['epoch']}/{epochs}"]
    if "loss" in record:
        parts.append(f"loss {record['loss']:.4f}")
    if f"val_{primary}" in record:
        parts.append(f"val {primary} {record[f'val_{primary}']:.4f}")
    parts.append(f"{record['seconds']:.2f} s")
    return "  ".join(parts)
