"""`hashbench evaluate CODES.npz`: exact metrics of codes that anyone made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    from hashbench.evaluation import Evaluation

ARRAYS = ("query_codes", "database_codes", "query_labels", "database_labels")


def evaluate(
    codes: Annotated[Path, typer.Argument(help=f"An .npz with {', '.join(ARRAYS)}, and bits if the codes are packed.")],
    topk: Annotated[
        Optional[list[int]],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Option("--topk", help="Cut-off T in items for map@T, precision@T and all others at T. Repeatable."),
    ] = None,
    radius: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option(
            "--radius", help="Radius r in bits for precision@r and all others within r. Repeatable; 0, 1, 2 by default."
        ),
    ] = None,
    denominator: Annotated[str, typer.Option(help="What map@T is divided by: retrieved, capped or all.")] = "retrieved",
    ties: Annotated[str, typer.Option(help="Order inside ties: expected, best, worst or index.")] = "expected",
    bits: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Code length, if the codes are packed and the file does not say."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or a torch device such as cuda.")] = "cpu",
    as_json: AsJson = False,
    plugin: Plugins = None,
    import_: Imports = None,
) -> None:
    """Measure codes from a file: -1/+1, 0/1, booleans or packed bytes; labels as class ids or multi-hot."""
    from hashbench.cli.own_metrics import import_metrics
    from hashbench.errors import UserError
    from hashbench.evaluation import EvaluationInputError, MetricError
    from hashbench.evaluation import evaluate as evaluate_codes

    import_metrics(plugin, import_)
    arrays, file_bits = _read(codes)
    if bits is not None and file_bits not in (None, bits):
        raise UserError(f"--bits {bits}: {codes} says that its codes have {file_bits} bits; leave --bits out")
    try:
        result = evaluate_codes(
            *(arrays[name] for name in ARRAYS),
            bits=bits if bits is not None else file_bits,
            topk=topk or (),
            radii=radius or (0, 1, 2),
            ties=ties,
            denominator=denominator,
            device=device,
        )
    except MetricError as error:
        raise UserError(str(error)) from error
    except EvaluationInputError as error:
        raise UserError(f"{codes}: {error}") from error
    if as_json:
        put(json.dumps(result.metrics, indent=1))
    else:
        _print(result, packed=bits is not None or file_bits is not None)


def _read(path: Path) -> tuple[dict[str, Any], int | None]:
    """The four arrays, and `bits` if the file has it."""
    from hashbench.errors import UserError
    from hashbench.npz import read_npz

    advice = f"give an .npz with {', '.join(ARRAYS)} as numpy.savez writes it"
    arrays = read_npz(path, ARRAYS, optional=["bits"], advice=advice)
    bits = arrays.pop("bits", None)
    if bits is not None and (bits.size != 1 or bits.dtype.kind not in "iu"):
        raise UserError(f"{path}: bits is {bits.dtype} of shape {bits.shape}; save the code length as one integer")
    return arrays, None if bits is None else int(bits.item())


def _print(result: Evaluation, packed: bool) -> None:
    from rich.table import Table

    from hashbench.cli.console import Console
    from hashbench.evaluation.metrics import find

    table = Table("metric", "value", "worst order", "best order")
    metrics = result.metrics
    for name, value in metrics.items():
        member = find(name)
        if member and not member.end:
            table.add_row(name, f"{value:.4f}", *(f"{metrics[bound]:.4f}" for bound in member.bounds))
    console = Console()
    console.print(table)
    info = result.info
    console.print(
        f"Assumed: {info['bits']}-bit codes{', packed' if packed else ''}; ties {info['ties']}; map@T divided by "
        f"{info['denominator']}; {info['queries']} queries, {info['queries_without_relevant']} of them without a "
        f"relevant item and left out; {info['database_size']} database items.",
        soft_wrap=True,
    )
