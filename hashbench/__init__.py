"""hashbench: a benchmark harness for learning to hash."""

__version__ = "0.1.0"
