"""`hashbench search`: encode a query with a finished run and list what its codes retrieve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    import numpy as np

    from hashbench.deploy.query import Query
    from hashbench.deploy.run_data import RunData
    from hashbench.evaluation.search import Neighbours
    from hashbench.results.folder import RunFolder

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def search(
    run: Annotated[Path, typer.Option("--run", help="Folder of a finished run.")],
    query: Annotated[
        list[str],
        typer.Option(
            "--query",
            help="Image file, row of the data set (123), place in a role (test:5), or .npy vector. Repeatable.",
        ),
    ],
    top: Annotated[int, typer.Option(help="How many items to list.")] = 10,
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the run's data.")] = None,
    weights: Annotated[Optional[Path], typer.Option(help="Backbone weights, if they have moved.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    plugin: Plugins = None,
    import_: Imports = None,
    as_json: AsJson = False,
) -> None:
    """Search a run's database by Hamming distance, exactly. Items at one distance share a rank."""
    from hashbench.errors import UserError
    from hashbench.results.find import open_run

    finished = open_run(run)
    size = len(finished.codes.database_codes)
    if not 1 <= top <= size:
        raise UserError(f"--top {top}: the database has {size} items, so give 1 to {size}")

    from hashbench.catalog import load_catalog
    from hashbench.cli.progress import reporter
    from hashbench.deploy.encode_run import load_encoder
    from hashbench.deploy.query import read_query
    from hashbench.deploy.run_data import RunData, row_paths
    from hashbench.evaluation.search import HammingSearch

    plugins = tuple(plugin or ())
    catalog = load_catalog(plugins, imports=import_ or ())
    encoder = load_encoder(
        finished, catalog, reporter(), weights=weights, data_root=data_root, device=device, plugins=plugins
    )
    settings = encoder.experiment.spec.settings
    upright = bool({**catalog.dataset(settings.dataset).hparams, **settings.dataset_hparams}.get("upright"))
    queries = [read_query(text, encoder.table, encoder.roles, upright=upright) for text in query]
    data = RunData(encoder.table, row_paths(catalog, settings.dataset, settings.dataset_hparams, data_root))
    index = HammingSearch(finished.codes.database_codes, finished.codes.bits)
    answers = []
    for one in queries:
        code = encoder.encode(one.inputs)[0]
        answers.append(_answer(one, code, index.nearest(code, top), finished, data))
    if as_json:
        content = {"run": str(run), "bits": finished.codes.bits, "database_size": size, "queries": answers}
        put(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        for answer in answers:
            _print(answer, size)


def _answer(query: Query, code: np.ndarray, found: Neighbours, finished: RunFolder, data: RunData) -> dict[str, Any]:
    """One query and its list, as plain values."""
    from hashbench.foreign_text import visible_in_a_line

    rows = finished.codes.database_index[found.items]
    relevant = data.share_a_label(query.row, rows) if query.row is not None else None
    items = []
    for i, row in enumerate(rows.tolist()):
        item = {
            "rank": int(found.ranks[i]),
            "distance": int(found.distances[i]),
            "row": row,
            "database_place": int(found.items[i]),
            "labels": data.labels(row),
        }
        if data.paths:
            item["path"] = data.path(row)
        if relevant is not None:
            item["relevant"] = bool(relevant[i])
            item["is_query"] = row == query.row
        items.append(item)
    last = found.distances[-1]
    return {
        "query": visible_in_a_line(query.text),
        "row": query.row,
        "labels": data.labels(query.row) if query.row is not None else None,
        **({"path": data.path(query.row)} if query.row is not None and data.paths else {}),
        "code": code.tobytes().hex(),
        "neighbours": items,
        "cut": {"distance": int(last), "listed": int((found.distances == last).sum()), "tied": int(found.tied[-1])},
    }


def _print(answer: dict[str, Any], size: int) -> None:
    from rich.table import Table

    from hashbench.cli.console import Console

    known, items = answer["row"] is not None, answer["neighbours"]
    about = f" (row {answer['row']}, {', '.join(answer['labels'])})" if known else ""
    table = Table(title=f"{answer['query']}{about}", title_justify="left")
    for heading in ("rank", "distance", "row"):
        table.add_column(heading, justify="right")
    table.add_column("label")
    if known:
        table.add_column("right")
    if "path" in items[0]:
        table.add_column("image", overflow="fold")
    for item in items:
        cells = [str(item["rank"]), str(item["distance"]), str(item["row"]), ", ".join(item["labels"])]
        if known:
            cells.append("the query itself" if item["is_query"] else "yes" if item["relevant"] else "no")
        table.add_row(*cells, *([item["path"]] if "path" in item else []))
    console = Console()
    console.print(table)
    cut = answer["cut"]
    if cut["listed"] < cut["tied"]:
        console.print(
            f"At distance {cut['distance']} there are {cut['tied']} of the {size} items: the first {cut['listed']} in "
            "database order are listed, and no order among them means anything.",
            soft_wrap=True,
        )
