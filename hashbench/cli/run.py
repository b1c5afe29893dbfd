"""`hashbench run`: one method, one protocol, one code length, one seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from hashbench.cli.options import AsJson
from hashbench.cli.run_options import RunOptions, with_options
from hashbench.cli.say import put

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@with_options
def run(
    *,
    method: Annotated[
        Optional[str], typer.Option("--method", "-m", help="What to train; see `hashbench list methods`.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="What all methods share; see `hashbench list protocols`.")] = "digits",
    bits: Annotated[int, typer.Option(help="Code length.")] = 32,
    seed: Annotated[int, typer.Option(help="Seed of every random stream.")] = 0,
    preset: Annotated[Optional[str], typer.Option(help="Named hyper-parameters of the method.")] = None,
    tuned: Annotated[
        Optional[Path], typer.Option(help="File or folder of `hashbench tune`: the best hyper-parameters of its study.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("runs"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run, or show a finished one.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw this run's earlier result away.")] = False,
    config: Annotated[
        Optional[Path],
        typer.Option(
            help="A file that says what to run: config.py of an earlier run, or one of your own. A .py file is run as "
            "Python; .yaml and .json run no code."
        ),
    ] = None,
    visualizer: Annotated[
        Optional[list[str]],
        typer.Option(help="Draw curves while training: local, tensorboard, wandb or mlflow. Repeatable."),
    ] = None,
    as_json: AsJson = False,
    options: RunOptions,
) -> None:
    """Train (or fit) one method, select on validation, test once, and write a result folder."""
    from hashbench.errors import UserError

    if resume and overwrite:
        raise UserError("--resume and --overwrite contradict each other: give one of them")
    if method is None and config is None:
        raise UserError("give --method NAME (see `hashbench list methods`), or --config FILE")
    if method is not None and config is not None:
        raise UserError(f"--method {method} and --config {config}: a config names its method; give one of the two")
    catalog = options.catalog()
    if config is not None:
        from hashbench.engine.config import read_config

        chosen = {"--protocol": protocol != "digits", "--bits": bits != 32, "--seed": seed != 0}
        chosen |= {"--preset": preset is not None, "--tuned": tuned is not None, "--set": bool(options.sets)}
        _refuse_what_it_decides(config, [*(word for word, given in chosen.items() if given), *options.as_words()])
        request: dict[str, Any] = {}
        spec = read_config(
            config, catalog, out=out, device=options.device, data_root=options.data_root, plugins=options.plugins
        )
    else:
        assert method is not None
        request = {"method": method, "protocol": protocol, "bits": bits, "seed": seed, "out": out}
        if tuned is not None:
            from hashbench.cli.tuned import TunedSettings

            spec = TunedSettings([tuned]).resolve(options, catalog, preset=preset, **request)
        else:
            spec = options.resolve(catalog, preset=preset, **request)
    if visualizer:
        from hashbench.engine.visualizer import named

        spec = replace(spec, visualizer=named(visualizer))
    from hashbench.cli.progress import reporter
    from hashbench.engine.run import run as run_one

    outcome = run_one(spec, catalog, reporter(), resume=resume, overwrite=overwrite)
    if as_json:
        put(outcome.record.to_json().removesuffix("\n"))
    else:
        from hashbench.cli.show_result import print_outcome

        changed = {"--preset": preset, "--tuned": tuned, "--out": None if out == Path("runs") else out}
        words = [word for name in visualizer or [] for word in ("--visualizer", name)]
        print_outcome(outcome, _with_next_seed(request, changed, options, words) if request else "")


def _refuse_what_it_decides(config: Path, words: Iterable[str]) -> None:
    """A config says all of the run but where it works: no other option may stand beside it."""
    from hashbench.errors import UserError

    for word in words:
        if word.startswith("--") and word not in ("--device", "--data-root", "--plugin", "--import"):
            raise UserError(f"{word} and --config: {config} decides that; leave out {word}, or --config")


def _with_next_seed(request: dict[str, Any], changed: dict[str, Any], options: RunOptions, more: list[str]) -> str:
    """The command that was given, with the next seed."""
    import shlex

    from hashbench.catalog.set_words import hyper_parameters

    named = {f"--{name}": request[name] for name in ("method", "protocol", "bits")} | {"--seed": request["seed"] + 1}
    words = [word for name, value in (named | changed).items() if value is not None for word in (name, str(value))]
    sets = [word for one in hyper_parameters(options.sets or []) for word in ("--set", one)]
    return shlex.join(["hashbench", "run", *words, *sets, *options.as_words(), *more])
