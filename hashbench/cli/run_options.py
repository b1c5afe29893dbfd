"""Options of all commands that train: written once as fields, spread over a command's signature.

    @with_options
    def sweep(methods: ..., options: RunOptions, workers: WorkerOptions) -> None: ...

gives `hashbench sweep` one option for each field, and hands the command the filled-in objects.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

import typer

from hashbench.cli.options import Imports, Plugins

if TYPE_CHECKING:
    from hashbench.catalog import Catalog
    from hashbench.catalog.request import RunSpec
    from hashbench.sweeps.executors import ExecutorChoice

# ruff: noqa: UP045 - typer reads these annotations at run time on Python 3.10


@dataclass(frozen=True)
class RunOptions:
    """What is changed in the protocol, and how and where the run is done."""

    sets: Annotated[
        Optional[list[str]], typer.Option("--set", help="key=value, optimizer.lr=0.01, ... Repeatable.")
    ] = None
    dataset: Annotated[Optional[str], typer.Option(help="Another data set than the protocol's.")] = None
    backbone: Annotated[Optional[str], typer.Option(help="Another backbone than the protocol's.")] = None
    weights: Annotated[Optional[Path], typer.Option(help="File of backbone weights.")] = None
    frozen: Annotated[Optional[bool], typer.Option("--frozen/--trained", help="Keep the backbone as it is.")] = None
    pretrained: Annotated[
        Optional[bool], typer.Option("--pretrained/--scratch", help="Published weights, downloaded.")
    ] = None
    epochs: Annotated[Optional[int], typer.Option(help="Epochs of training.")] = None
    batch_size: Annotated[Optional[int], typer.Option(help="Samples in a batch, over all processes.")] = None
    image_size: Annotated[Optional[int], typer.Option(help="Pixels to which images are resized.")] = None
    precision: Annotated[Optional[str], typer.Option(help="fp32 or bf16.")] = None
    validate_every: Annotated[Optional[int], typer.Option(help="Epochs between validations.")] = None
    patience: Annotated[Optional[int], typer.Option(help="Validations without improvement before stopping.")] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto"
    channels_last: Annotated[
        Optional[bool],
        typer.Option("--channels-last/--no-channels-last", help="Memory layout of images; by default the faster one."),
    ] = None
    compile_: Annotated[bool, typer.Option("--compile", help="Run the network through torch.compile.")] = False
    data_root: Annotated[Optional[Path], typer.Option(help="Folder or file of the data.")] = None
    plugin: Plugins = None
    import_: Imports = None

    def catalog(self) -> Catalog:
        """The catalogue with the plugins and files named here."""
        from hashbench.catalog import load_catalog

        return load_catalog(self.plugins, imports=self.import_ or ())

    @property
    def plugins(self) -> tuple[Path, ...]:
        """Of `--plugin`."""
        return tuple(self.plugin or ())

    @property
    def changes(self) -> dict[str, Any]:
        """Protocol fields with an option of their own; None where it was not given."""
        names = (
            "frozen",
            "pretrained",
            "epochs",
            "batch_size",
            "image_size",
            "precision",
            "validate_every",
            "patience",
        )
        return {name: getattr(self, name) for name in names}

    def as_words(self) -> list[str]:
        """These options as words of a command line, without what belongs to the hyper-parameters."""
        from hashbench.catalog.set_words import is_hyper_parameter

        words: list[str] = []
        hints = get_type_hints(type(self), include_extras=True)
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value == entry.default:
                continue
            # In an annotation, typer takes the first name for the default until it reads the signature.
            option = hints[entry.name].__metadata__[0]
            name = option.default if isinstance(option.default, str) else f"--{entry.name.replace('_', '-')}"
            if isinstance(value, bool):
                yes, _, no = name.partition("/")
                words.append(yes if value else no)
                continue
            several = value if isinstance(value, list) else [value]
            if entry.name == "sets":
                several = [word for word in several if not is_hyper_parameter(word)]
            words += [word for one in several for word in (name, str(one))]
        return words

    def resolve(self, catalog: Catalog, *, sets: list[str] | None = None, **request: Any) -> RunSpec:
        """The run of `request` (method, protocol, bits, seed, out, ...) with these options; errors as in `resolve`.

        Args:
            sets: in place of `--set`.
        """
        from hashbench.catalog.request import resolve

        return resolve(
            catalog,
            dataset=self.dataset,
            backbone=self.backbone,
            sets=(self.sets or []) if sets is None else sets,
            changes=self.changes,
            weights=self.weights,
            device=self.device,
            data_root=self.data_root,
            compile=self.compile_,
            channels_last=self.channels_last,
            plugins=self.plugins,
            **request,
        )


@dataclass(frozen=True)
class WorkerOptions:
    """What many runs are done with."""

    jobs: Annotated[
        Optional[int], typer.Option(help="Runs at a time. By default one per core, or one per GPU where GPUs are used.")
    ] = None
    executor: Annotated[
        str,
        typer.Option(
            help="local: processes on this machine; inline: this process, one run at a time; ray; slurm; or a plugin's."
        ),
    ] = "local"
    executor_options: Annotated[
        Optional[list[str]],
        typer.Option("--executor-option", help="key=value, such as address=HOST:PORT of a Ray cluster. Repeatable."),
    ] = None
    ray_address: Annotated[Optional[str], typer.Option("--ray-address", hidden=True)] = None

    def choose(self, catalog: Catalog) -> ExecutorChoice:
        """The executor, checked but not made: what is wrong with the words is found before any work.

        Raises:
            UserError: see `choose_executor`, or `--ray-address`.
        """
        from hashbench.catalog.request import parse_sets
        from hashbench.errors import UserError
        from hashbench.sweeps.executors import choose_executor

        if self.ray_address is not None:
            words = f"--executor ray --executor-option address={self.ray_address}"
            raise UserError(f"--ray-address {self.ray_address}: there is no such option any more; give {words}")
        options = parse_sets(self.executor_options or [], "--executor-option")
        return choose_executor(catalog, self.executor, options, self.jobs)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter of `command` whose type is a dataclass of options by one parameter for each field."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name not in groups:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        kind = groups[parameter.name]
        of_fields = get_type_hints(kind, include_extras=True)
        for entry in fields(kind):
            parameters.append(
                inspect.Parameter(
                    entry.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=entry.default,
                    annotation=of_fields[entry.name],
                )
            )

    @functools.wraps(command)
    def spread(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{entry.name: values.pop(entry.name) for entry in fields(kind)})
        command(**values)

    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return spread
