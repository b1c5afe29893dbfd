"""Metrics that plugins and files of one's own bring, for commands that show or compute metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hashbench.cli.say import say


def import_metrics(
    plugins: Sequence[Path] | None, imports: Sequence[Path] | None, names: Iterable[str] | None = None
) -> None:
    """Put them into the table of metrics; what an installed plugin cannot bring is a warning on stderr.

    Args:
        plugins, imports: as given with --plugin and --import.
        names: of the metrics that are asked for. Where all are known and no option was given, nothing is read: the
            catalogue takes a fifth of a second. None: all are wanted.

    Raises:
        UserError: what was given cannot be read or imported.
    """
    from hashbench.evaluation.metrics import find

    if not plugins and not imports and names is not None and all(find(name) for name in names):
        return
    from hashbench.catalog import load_catalog

    for problem in load_catalog(plugins or (), imports=imports or ()).import_metrics():
        say(f"warning: {problem}")
