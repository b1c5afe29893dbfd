"""Command line of hashbench: one file a command, nothing heavy imported before a command needs it."""

from hashbench.cli.app import main

__all__ = ["main"]
