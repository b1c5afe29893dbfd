"""`hashbench evaluate CODES`: exact metrics of codes that anyone made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from hashbench.cli.code_files import ARRAYS, read_code_arrays
from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put, say

_ONE = "a .npy file, or its name in CODES"


def evaluate(
    codes: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time on Python 3.10
        typer.Argument(
            help=f"A .npz, .mat or .h5 file with {', '.join(ARRAYS)}, and bits if the codes are packed. Not needed "
            "where each is a file of its own."
        ),
    ] = None,
    query_codes: Annotated[Optional[str], typer.Option(help=f"Codes of the queries: {_ONE}.")] = None,  # noqa: UP045
    database_codes: Annotated[Optional[str], typer.Option(help=f"Codes of the database: {_ONE}.")] = None,  # noqa: UP045
    query_labels: Annotated[Optional[str], typer.Option(help=f"Labels of the queries: {_ONE}.")] = None,  # noqa: UP045
    database_labels: Annotated[Optional[str], typer.Option(help=f"Labels of the database: {_ONE}.")] = None,  # noqa: UP045
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out",
            help="Queries and database are one set (naming one is enough): search each in the others.",
        ),
    ] = False,
    topk: Annotated[
        Optional[list[int]],  # noqa: UP045
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
    """Measure codes of files: -1/+1, 0/1, booleans or packed bytes; labels as class ids, words or multi-hot."""
    from hashbench.cli.own_metrics import import_metrics
    from hashbench.errors import UserError
    from hashbench.evaluation import EvaluationInputError, MetricError
    from hashbench.evaluation import evaluate as evaluate_codes

    import_metrics(plugin, import_)
    given = (query_codes, database_codes, query_labels, database_labels)
    arrays, file_bits = read_code_arrays(codes, dict(zip(ARRAYS, given, strict=True)), one_set=leave_one_out)
    where = f"{codes}: " if codes else ""
    try:
        length = _code_length(arrays, file_bits, bits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that queries find themselves is said below
            result = evaluate_codes(
                *(arrays[name] for name in ARRAYS),
                bits=length,
                topk=topk or (),
                radii=radius or (0, 1, 2),
                ties=ties,
                denominator=denominator,
                leave_one_out=leave_one_out,
                device=device,
            )
    except MetricError as error:
        raise UserError(str(error)) from error
    except EvaluationInputError as error:
        words = str(error).replace("bits=", "--bits").replace("leave_one_out", "--leave-one-out")
        raise UserError(f"{where}{words}") from error
    info = result.info | {"packed": length is not None}
    if as_json:
        put(json.dumps(result.metrics | {"info": info}, indent=1))
    else:
        _print(result.metrics, info)
    if info.get("queries_are_database"):
        say(
            "note: queries and database are the same items, so each query finds itself first, which raises every "
            "number; --leave-one-out leaves it out"
        )


def _code_length(arrays: Mapping[str, Any], of_file: Any, given: int | None) -> int | None:
    """K of packed codes, by the option or the file; None for codes with a column for each bit.

    Raises:
        EvaluationInputError: the option and the file contradict each other, or the file's is no whole number.
    """
    from hashbench.evaluation import EvaluationInputError
    from hashbench.evaluation.numbers import whole_number

    if of_file is None:
        return given
    bits = whole_number(of_file, "bits", 1, "bits of a code")
    if given not in (None, bits):
        raise EvaluationInputError(f"--bits {given}: the file says that its codes have {bits} bits; leave --bits out")
    shape = arrays[ARRAYS[0]].shape
    unpacked = len(shape) == 2 and shape[1] == bits and bits > 1
    return None if unpacked else bits


def _print(metrics: Mapping[str, float], info: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hashbench.cli.console import Console
    from hashbench.evaluation.metrics import find

    table = Table("metric", "value", "worst order", "best order")
    for name, value in metrics.items():
        member = find(name)
        if member and not member.end:
            table.add_row(name, f"{value:.4f}", *(f"{metrics[bound]:.4f}" for bound in member.bounds))
    console = Console()
    console.print(table)
    console.print(
        f"Assumed: {info['bits']}-bit codes{', packed' if info['packed'] else ''}; ties {info['ties']}; map@T divided "
        f"by {info['denominator']}; {info['queries']} queries, {info['queries_without_relevant']} of them without a "
        f"relevant item and left out; {info['database_size']} database items"
        f"{', each query left out of its own search' if info.get('leave_one_out') else ''}.",
        soft_wrap=True,
    )
