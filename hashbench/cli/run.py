"""`hashbench run`: one method, one protocol, one code length, one seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from hashbench.cli.options import AsJson, Plugins

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


def run(
    method: Annotated[
        Optional[str], typer.Option("--method", "-m", help="What to train; see `hashbench list methods`.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="What all methods share; see `hashbench list protocols`.")] = "digits",
    bits: Annotated[int, typer.Option(help="Code length.")] = 32,
    seed: Annotated[int, typer.Option(help="Of every random stream.")] = 0,
    preset: Annotated[Optional[str], typer.Option(help="Named hyper-parameters of the method.")] = None,
    sets: Annotated[
        Optional[list[str]], typer.Option("--set", help="key=value, optimizer.lr=0.01, ... Repeatable.")
    ] = None,
    dataset: Annotated[Optional[str], typer.Option(help="Another data set than the protocol's.")] = None,
    backbone: Annotated[Optional[str], typer.Option(help="Another backbone than the protocol's.")] = None,
    weights: Annotated[Optional[Path], typer.Option(help="File of backbone weights.")] = None,
    frozen: Annotated[Optional[bool], typer.Option("--frozen/--trained", help="Keep the backbone as it is.")] = None,
    pretrained: Annotated[
        Optional[bool], typer.Option("--pretrained/--scratch", help="Published weights, downloaded.")
    ] = None,
    epochs: Annotated[Optional[int], typer.Option(help="Epochs of training.")] = None,
    batch_size: Annotated[Optional[int], typer.Option(help="Samples in a batch, over all processes.")] = None,
    image_size: Annotated[Optional[int], typer.Option(help="Pixels to which images are resized.")] = None,
    precision: Annotated[Optional[str], typer.Option(help="fp32 or bf16.")] = None,
    validate_every: Annotated[Optional[int], typer.Option(help="Epochs between validations.")] = None,
    patience: Annotated[Optional[int], typer.Option(help="Validations without improvement before stopping.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Memory layout of images.")] = False,
    compile_: Annotated[bool, typer.Option("--compile", help="Run the network through torch.compile.")] = False,
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the data.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run, or show a finished one.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw this run's earlier result away.")] = False,
    config: Annotated[Optional[Path], typer.Option(help="config.py of an earlier run, run again as it was.")] = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Train (or fit) one method, select on validation, test once, and write a result folder."""
    from hashbench.catalog import load_catalog
    from hashbench.engine.spec import resolve
    from hashbench.errors import UserError

    if resume and overwrite:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    if (method is None) == (config is None):
        raise UserError("give --method NAME (see `hashbench list methods`), or --config FILE to repeat a run")
    plugins = tuple(plugin or ())
    catalog = load_catalog(plugins)
    options: dict[str, Any] = {"out": out, "device": device, "data_root": data_root, "plugins": plugins}
    if config is not None:
        from hashbench.engine.config import read_config

        spec = read_config(config, **options)
    else:
        assert method is not None
        changes = {
            "frozen": frozen,
            "pretrained": pretrained,
            "epochs": epochs,
            "batch_size": batch_size,
            "image_size": image_size,
            "precision": precision,
            "validate_every": validate_every,
            "patience": patience,
        }
        spec = resolve(
            catalog,
            method=method,
            protocol=protocol,
            dataset=dataset,
            backbone=backbone,
            preset=preset,
            sets=sets or (),
            changes=changes,
            bits=bits,
            seed=seed,
            weights=weights,
            compile=compile_,
            channels_last=channels_last,
            **options,
        )
    from hashbench.cli.progress import reporter
    from hashbench.engine.run import run as run_one

    outcome = run_one(spec, catalog, reporter(), resume=resume, overwrite=overwrite)
    if as_json:
        typer.echo(outcome.record.to_json(), nl=False)
    else:
        from hashbench.cli.show_result import print_outcome

        print_outcome(outcome)
