"""`hashbench gallery`: one page of query images and what their codes retrieve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    from hashbench.results.folder import RunFolder


def gallery(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("gallery.html"),
    queries: Annotated[int, typer.Option(help="Queries at random, with the lowest and with the highest AP.")] = 12,
    top: Annotated[int, typer.Option(help="Items to show for each query.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the random queries, and of which tied items are shown.")] = 0,
    data_root: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option(help="Folder or file of the run's data."),
    ] = None,
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Show what the codes of a finished image run retrieve, right and wrong marked, on one self-contained page."""
    from hashbench.catalog import load_catalog
    from hashbench.deploy.run_data import load_run_data
    from hashbench.errors import UserError
    from hashbench.report.gallery import sections
    from hashbench.report.gallery_page import gallery_page
    from hashbench.results.atomic import write_text
    from hashbench.results.find import open_run

    if seed < 0:
        raise UserError(f"--seed {seed}: a whole number of at least 0")
    finished = open_run(run)
    data = load_run_data(finished, load_catalog(tuple(plugin or ()), imports=import_ or ()), data_root)
    if data.table.kind != "image":
        raise UserError(f"{run}: its data set {data.table.name} holds features, and a gallery shows images")
    if data.table.inputs.shape[1] not in (1, 3):
        raise UserError(f"{run}: images of {data.table.name} have {data.table.inputs.shape[1]} channels, not 1 or 3")
    shown = sections(finished, data.share_a_label, queries=queries, top=top, seed=seed)
    page = gallery_page(
        f"What {finished.record.method} retrieves on {finished.record.protocol}, {finished.record.bits} bits",
        _facts(finished),
        shown,
        top=top,
        seed=seed,
        image=lambda row: data.table.inputs[row].numpy(),
        name=lambda row: ", ".join(data.labels(row)) or "no label",
        path=data.path,
    )
    write_text(out, page)
    put(f"{out}: {sum(len(part.queries) for part in shown)} queries, {len(page) / 1e6:.1f} MB; open it in a browser")


def _facts(run: RunFolder) -> dict[str, str]:
    """The head of the page."""
    from hashbench.evaluation.metrics import label, shown

    record, codes = run.record, run.codes
    facts = {
        "method": f"{record.method} ({record.preset})",
        "protocol": f"{record.protocol}, fingerprint {record.fingerprint[:8]}",
        "backbone": record.backbone,
        "bits, seed": f"{record.bits}, {record.seed}",
        "queries, database": f"{len(codes.query_codes):,}, {len(codes.database_codes):,}",
    }
    return facts | {label(name): _with_bounds(record.metrics, name) for name in shown(record.metrics, "gallery")}


def _with_bounds(metrics: dict[str, float], name: str) -> str:
    """A metric, and what it is in the worst and in the best order of ties."""
    from hashbench.results.known_metric import known_metric

    ends = [f"{metrics[bound]:.4f}" for bound in known_metric(name).bounds]
    return f"{metrics[name]:.4f}" + (f" (worst to best order of ties: {' to '.join(ends)})" if ends else "")
