"""`hashbench export`: what a program needs to search with the codes of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from hashbench.cli.options import Imports, Plugins
from hashbench.paths import exists, is_dir

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="A new folder for the files.", show_default=False)],
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the run's data.")] = None,
    weights: Annotated[Optional[Path], typer.Option(help="Backbone weights, if they have moved.")] = None,
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Write packed codes, rows, a faiss index and the encoder of a finished run to a folder, with a README."""
    from hashbench.errors import UserError
    from hashbench.results.find import open_run

    finished = open_run(run)
    if exists(out) and (not is_dir(out) or any(out.iterdir())):
        raise UserError(f"--out {out}: it exists and is not an empty folder; name a new one")

    from hashbench.catalog import load_catalog
    from hashbench.cli.progress import reporter
    from hashbench.deploy.encode_run import load_encoder
    from hashbench.deploy.export_run import export_run
    from hashbench.deploy.run_data import RunData, row_paths

    plugins = tuple(plugin or ())
    catalog = load_catalog(plugins, imports=import_ or ())
    encoder = load_encoder(
        finished, catalog, reporter(), weights=weights, data_root=data_root, device="cpu", plugins=plugins
    )
    settings = encoder.experiment.spec.settings
    data = RunData(encoder.table, row_paths(catalog, settings.dataset, settings.dataset_hparams, data_root))
    manifest = export_run(encoder, data, out)
    for file in sorted(out.iterdir()):
        typer.echo(f"{file.stat().st_size:>12,}  {file}")
    for name, reason in manifest["left_out"].items():
        typer.echo(f"left out: {name}: {reason}")
    typer.echo(f"how to use them: {out / 'README.txt'}")
