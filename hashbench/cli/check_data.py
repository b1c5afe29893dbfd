"""`hashbench check-data`: what is in a data set, and whether a protocol's split of it is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.options import Plugins

if TYPE_CHECKING:
    import numpy as np

    from hashbench.catalog import ProtocolEntry
    from hashbench.data import DataTable


def check_data(
    name: Annotated[str, typer.Argument(metavar="DATASET_OR_PROTOCOL", help="A protocol, or a data set.")],
    data_root: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option("--data-root", help="Folder (or file) of the data."),
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Show counts, classes, overlaps, duplicates and checksums; exit 1 if something is wrong with them."""
    from hashbench.catalog import load_catalog
    from hashbench.data.duplicates import content_ids
    from hashbench.data.load import load_table
    from hashbench.errors import UserError, did_you_mean

    catalog = load_catalog(plugin or ())
    protocol = catalog.protocols.get(name)
    dataset = protocol.dataset if protocol else name
    if dataset not in catalog.datasets:
        known = {*catalog.protocols, *catalog.datasets}
        raise UserError(f"check-data: no protocol and no data set named {dataset!r}. {did_you_mean(dataset, known)}")
    hparams = {**catalog.datasets[dataset].hparams, **(protocol.dataset_hparams if protocol else {})}
    table = load_table(catalog.load_class("datasets", dataset), data_root, hparams)
    ids = content_ids(table)
    _print_table(table, ids)
    problems = _check_split(name, protocol, table, ids) if protocol else []
    for problem in problems:
        typer.echo(f"problem: {problem}")
    if problems:
        raise typer.Exit(1)


def _print_table(table: DataTable, ids: np.ndarray) -> None:
    from rich.console import Console
    from rich.table import Table

    from hashbench.data.duplicates import count_repeats

    view = Table(title=f"data set {table.name}", show_header=False)
    classes = f"{table.num_classes} ({'several labels a row' if table.multilabel else 'one a row'})"
    for fact, value in {
        "rows": f"{len(table):,}",
        "kind": f"{table.kind} {tuple(table.inputs.shape[1:])}",
        "classes": classes,
        "repeated rows": f"{count_repeats(ids):,}",
        "sha256": table.checksum,
    }.items():
        view.add_row(fact, value)
    Console(width=100).print(view)


def _check_split(name: str, protocol: ProtocolEntry, table: DataTable, ids: np.ndarray) -> list[str]:
    """Print what the roles hold; the problems found, one sentence each."""
    from rich.console import Console
    from rich.table import Table

    from hashbench.protocol import SplitError, load_split
    from hashbench.protocol.audit import role_facts, shared_content, shared_rows

    try:
        split = load_split(protocol.split, table)
    except SplitError as error:
        return error.problems
    view = Table(title=f"protocol {name}, version {protocol.version}")
    for heading in ("role", "rows", "fewest a class", "most a class", "repeated rows"):
        view.add_column(heading, justify="left" if heading == "role" else "right")
    for facts in role_facts(table, split, ids):
        view.add_row(facts.role, *(f"{number:,}" for number in facts[1:]))
    Console(width=100).print(view)
    for a, b, count in shared_rows(split):
        typer.echo(f"{a} and {b} share {count:,} rows, as they may")
    typer.echo(f"split sha256 {split.checksum}")
    return [
        f"{count:,} rows of {a} are in {b} too, under other row numbers" for a, b, count in shared_content(split, ids)
    ]
