"""`hashbench check-data`: what is in a data set, and whether a protocol's split of it is sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    import numpy as np

    from hashbench.catalog import ProtocolEntry
    from hashbench.data import DataTable
    from hashbench.data.image_index import DataError, ImageIndex, Problem
    from hashbench.data.table import LabelledRows

NAMED = 20
"""Places that are printed of each kind of fault, and classes."""


def check_data(
    name: Annotated[str, typer.Argument(metavar="DATASET_OR_PROTOCOL", help="A protocol, or a data set.")],
    data_root: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option("--data-root", help="Folder (or file) of the data."),
    ] = None,
    sets: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", help="dataset.KEY=value, as for `hashbench run`. Repeatable."),
    ] = None,
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Show counts, classes, overlaps, duplicates, checksums, images that cannot be used; exit 1 if any is wrong."""
    from hashbench.catalog import load_catalog
    from hashbench.data.duplicates import content_ids
    from hashbench.data.image_index import DataError
    from hashbench.data.load import load_table
    from hashbench.errors import UserError, did_you_mean, shown
    from hashbench.protocol.soundness import one_class_in_all

    catalog = load_catalog(plugin or (), imports=import_ or ())
    protocol = catalog.protocols.get(name)
    dataset = protocol.dataset if protocol else name
    if dataset not in catalog.datasets:
        known = {*catalog.protocols, *catalog.datasets}
        nearest = did_you_mean(dataset, known, "hashbench list")
        raise UserError(f"check-data: no protocol and no data set named {shown(dataset)}. {nearest}")
    entry = catalog.datasets[dataset]
    hparams = {**entry.hparams, **(protocol.dataset_hparams if protocol else {}), **_options(sets or ())}
    dataset_class = catalog.load_class("datasets", dataset)
    faults = False
    ids: np.ndarray | None = None
    rows: LabelledRows | None
    try:
        table = load_table(dataset_class, data_root, hparams)
        rows, ids = table, content_ids(table)
        _print_table(table, ids)
    except DataError as error:
        rows, faults = error.index, True
        _print_faults(error)
    for note in rows.notes if rows is not None else ():
        put(f"note: {note}")
    problems, warnings = _check_split(name, protocol, rows, ids) if protocol and rows is not None else ([], [])
    if protocol is None and rows is not None:
        warnings = one_class_in_all(rows)
    for warning in warnings:
        put(f"warning: {warning}")
    for problem in problems:
        put(f"problem: {problem}")
    if problems or faults:
        raise typer.Exit(1)


def _options(sets: Sequence[str]) -> dict[str, Any]:
    """The data set's options among `dataset.KEY=value`."""
    from hashbench.catalog.request import parse_sets
    from hashbench.errors import UserError

    options = {}
    for key, value in parse_sets(sets).items():
        section, _, option = key.partition(".")
        if section != "dataset" or not option:
            raise UserError(f"--set {key}: check-data takes dataset.KEY=value only")
        options[option] = value
    return options


def _print_table(table: DataTable, ids: np.ndarray) -> None:
    from hashbench.data.duplicates import count_repeats

    _print_facts(
        table.name,
        {
            "rows": f"{len(table):,}",
            "kind": f"{table.kind} {tuple(table.inputs.shape[1:])}",
            "classes": _classes(table),
            "repeated rows": f"{count_repeats(ids):,}",
            "sha256": table.checksum,
        },
    )


def _print_faults(error: DataError) -> None:
    """What the lists say, then every kind of fault with its count and first places."""
    from hashbench.data.image_cache import unreadable
    from hashbench.data.image_index import by_kind

    problems: list[Problem] = list(error.problems)
    index: ImageIndex | None = error.index
    if index is not None:
        _print_facts(index.name, {"rows": f"{len(index):,} in the lists", "classes": _classes(index)})
        if all(problem.kind == "missing image" for problem in problems):
            problems += unreadable(index)
    for kind, some in by_kind(problems).items():
        put(f"problem: {kind}: {len(some):,}")
        for problem in some[:NAMED]:
            put(f"    {problem}")
        if len(some) > NAMED:
            put(f"    and {len(some) - NAMED:,} more")


def _print_facts(name: str, facts: dict[str, str]) -> None:
    from rich.table import Table

    from hashbench.cli.console import Console

    view = Table(title=f"data set {name}", show_header=False)
    for fact, value in facts.items():
        view.add_row(fact, value)
    Console(width=100).print(view)


def _classes(rows: LabelledRows) -> str:
    """How many there are, and their names."""
    from hashbench.paths import brief

    names = [brief(name, 40) for name in rows.class_names[:NAMED]]
    more = f", and {rows.num_classes - NAMED:,} more" if rows.num_classes > NAMED else ""
    count = f"{rows.num_classes:,} ({'several labels per row' if rows.multilabel else 'one per row'})"
    return f"{count}: {', '.join(names)}{more}" if names else count


def _check_split(
    name: str, protocol: ProtocolEntry, rows: LabelledRows, ids: np.ndarray | None
) -> tuple[list[str], list[str]]:
    """Print what the roles hold; the problems found, and the warnings, one sentence each."""
    from rich.table import Table

    from hashbench.cli.console import Console
    from hashbench.protocol import DISJOINT, SplitError, load_split
    from hashbench.protocol.audit import role_facts, shared_content, shared_rows
    from hashbench.protocol.soundness import soundness

    try:
        split = load_split(protocol.split, rows)
    except SplitError as error:
        return error.problems, []
    view = Table(title=f"protocol {name}, version {protocol.version}")
    for heading in ("role", "rows", "classes", "fewest per class", "most per class", "no label", "repeated rows"):
        view.add_column(heading, justify="left" if heading == "role" else "right", no_wrap=heading == "role")
    for facts in role_facts(rows, split, ids):
        view.add_row(facts.role, *("-" if number is None else f"{number:,}" for number in facts[1:]))
    Console(width=100).print(view)
    for a, b, count in shared_rows(split):
        breach = (a, b) in DISJOINT or (b, a) in DISJOINT
        why = "which the protocol allows by name (allow)" if breach else "as they may"
        put(f"{a} and {b} share {count:,} rows, {why}")
    for role in split.arrays:
        if role in split.allow:
            put(f"{role} lists {split.allow[role]:,} rows more than once, which the protocol allows by name (allow)")
    put(f"split sha256 {split.checksum}")
    found = soundness(rows, split)
    shared = [] if ids is None else shared_content(split, ids)
    repeated = [f"{count:,} rows of {a} are in {b} too, under other row numbers" for a, b, count in shared]
    return [*found.problems, *repeated], list(found.warnings)
