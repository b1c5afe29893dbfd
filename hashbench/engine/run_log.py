"""log.txt of a run: everything that hashbench logs while the run works."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashbench.errors import UserError
from hashbench.foreign_text import visible
from hashbench.results.atomic import write_errors_explained


class _Visible(logging.Formatter):
    """Messages name files, and a log is read on terminals."""

    def format(self, record: logging.LogRecord) -> str:
        """As of logging."""
        return visible(super().format(record))


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Everything that hashbench logs goes to the run's log.txt while the run works; also why it crashed."""
    with write_errors_explained(path):
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("hashbench")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError):
            logging.getLogger("hashbench.run").exception("the run crashed")
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
