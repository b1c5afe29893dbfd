"""Which methods are under-trained by a protocol: validation at its epochs E and at twice as many.

No method of a table may be under-trained: doubling the epochs should change no deep method's validation metric by more
than 0.005, of which rounding alone is a good part of one seed. Every run trains and validates as a trial of
`hashbench tune` does, so the test queries stay sealed; schedules stretch with the epochs, and 2E epochs have as many
validations as E, so that the best of them is chosen among as many. Fitted methods have no epochs and are refused.

Finished runs stand in the CSV file, and the same call goes on after a kill. What is not in it is run in the order of
seeds, so that a call cut short has seen all methods.

    python benchmarks/undertrained.py --methods csq,dtsh,dhn@paper --bits 16,64 --seeds 0-2 \\
        --protocol cifar10-dualhash-frozen --data-root DIR --weights FILE --out undertrained.csv
    python benchmarks/undertrained.py ... --tuned studies    # each with the best setting of its study
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import RunSpec, resolve
from hashbench.cli.lists import numbers, words
from hashbench.errors import UserError
from hashbench.results.atomic import write_text
from hashbench.tuning.find_studies import find_studies
from hashbench.tuning.study import Study, Trial
from hashbench.tuning.trial import Lost, Stretch, digest, try_setting

MOVES = 0.005
"""A larger change of the mean over seeds is one."""
COLUMNS = ("protocol", "method", "bits", "seed", "epochs", "validation", "failure", "settings")


class Run(NamedTuple):
    """One training.

    Attributes:
        name: METHOD or METHOD@PRESET.
        times: 1 or 2 times the protocol's epochs.
        spec: the run.
    """

    name: str
    times: int
    spec: RunSpec

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Its first cells in the file."""
        spec = self.spec
        return spec.protocol, self.name, str(spec.bits), str(spec.seed), str(spec.settings.epochs)

    @property
    def settings(self) -> str:
        """Digest of all that decides its result."""
        return digest(self.spec)


def planned(
    catalog: Catalog,
    names: Sequence[str],
    lengths: Sequence[int],
    seeds: Sequence[int],
    protocol: str,
    studies: Sequence[tuple[Path, Study]] = (),
    sets: Sequence[str] = (),
    **options: Path | str | None,
) -> list[Run]:
    """The runs of a call, in the order in which they are done.

    Args:
        names: methods, with `@PRESET` where wanted.
        studies: where given, each method has the best setting of its study at this protocol and length.
        sets: `--set` words for all.
        options: of `resolve`.

    Raises:
        UserError: a wrong request, a method that is fitted, or one without a study where studies are given.
    """
    runs = []
    for seed in seeds:
        for name in names:
            method, _, preset = name.partition("@")
            if catalog.method(method).kind != "deep":
                raise UserError(f"--methods {name}: it is fitted, not trained in epochs: leave it out")
            for bits in lengths:
                found = _best_of(studies, method, preset, protocol, bits) if studies else []
                once = resolve(
                    catalog,
                    method=method,
                    preset=preset or None,
                    protocol=protocol,
                    bits=bits,
                    seed=seed,
                    sets=[*sets, *found],
                    **options,
                )
                runs += [Run(name, 1, once), Run(name, 2, _doubled(once))]
    return runs


def _doubled(spec: RunSpec) -> RunSpec:
    """The same run with twice the epochs and as many validations."""
    now = spec.settings
    changes = {"epochs": 2 * now.epochs, "validate_every": 2 * now.validate_every}
    return replace(spec, settings=now.model_copy(update=changes), overridden=True)


def _best_of(studies: Sequence[tuple[Path, Study]], method: str, preset: str, protocol: str, bits: int) -> list[str]:
    """`--set` words of the best setting of the only study that fits."""
    wanted = (method, None if preset == "default" else preset or None, protocol, bits)
    fitting = [
        (path, study)
        for path, study in studies
        if (study.method, study.preset, study.run["protocol"], study.run["bits"]) == wanted
    ]
    if len(fitting) != 1:
        count = "no study" if not fitting else f"{len(fitting)} studies ({fitting[0][0]}, {fitting[1][0]}, ...)"
        raise UserError(f"--tuned: {count} of {method} at {bits} bits under {protocol}: name one")
    return fitting[0][1].best_sets()


class Table:
    """The runs that are over, in a file that is always whole.

    Args:
        path: of the CSV file; gone on with if it is there.

    Raises:
        UserError: another file is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[tuple[str, ...], dict[str, str]] = {}
        if path.exists():
            reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise UserError(f"{path}: not a file of this program: give another --out")
            self.rows = {tuple(row[name] for name in COLUMNS[:5]): row for row in reader}

    def has(self, run: Run) -> bool:
        """Whether a run is over.

        Raises:
            UserError: the file has it with other settings.
        """
        row = self.rows.get(run.key)
        if row is not None and row["settings"] != run.settings:
            raise UserError(
                f"{self.path}: has {run.name} at {run.spec.bits} bits with other settings ({row['settings']}, now "
                f"{run.settings}): give another --out"
            )
        return row is not None

    def add(self, run: Run, trial: Trial) -> None:
        """Take in a run, and write the file."""
        value = "" if trial.failure else f"{trial.score:.6g}"
        cells = (*run.key, value, trial.failure or "", run.settings)
        self.rows[run.key] = dict(zip(COLUMNS, cells, strict=True))
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows.values())
        write_text(self.path, out.getvalue())

    def value(self, run: Run) -> float:
        """Validation of a run; NaN where it failed or is not over."""
        row = self.rows.get(run.key)
        return float(row["validation"]) if row and row["validation"] else math.nan


def validate(run: Run) -> Trial:
    """Train a run and validate it.

    Raises:
        UserError: the request is wrong, or its process or the disk failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = try_setting(Stretch(0, {}, run.spec, run.spec, Path(folder)))
    if isinstance(trial, Lost):
        raise UserError(f"{run.name} at {run.spec.bits} bits: {trial.failure}")
    return trial


def report(runs: Sequence[Run], table: Table) -> list[str]:
    """Lines of the table: for each method and length, means over the seeds that have both runs."""
    pairs: dict[tuple[str, int], list[tuple[float, float]]] = {}
    epochs: dict[tuple[str, int], int] = {}
    for once, twice in zip(runs[::2], runs[1::2], strict=True):
        place = once.name, once.spec.bits
        epochs[place] = once.spec.settings.epochs
        values = table.value(once), table.value(twice)
        of_place = pairs.setdefault(place, [])
        if not any(map(math.isnan, values)):
            of_place.append(values)
    lines = [
        f"{'method':<28} {'bits':>4} {'seeds':>5} {'epochs':>6} {'at E':>7} {'at 2E':>7} {'change':>8} {'spread':>7}"
    ]
    moving = []
    for (name, bits), values in pairs.items():
        start = f"{name:<28} {bits:>4} {len(values):>5} {epochs[name, bits]:>6}"
        if not values:
            lines.append(f"{start}  no seed has both values")
            continue
        changes = [twice - once for once, twice in values]
        change = statistics.fmean(changes)
        spread = f"{statistics.stdev(changes):.4f}" if len(changes) > 1 else "–"
        means = " ".join(f"{statistics.fmean(side):7.4f}" for side in zip(*values, strict=True))
        mark = " moves" if abs(change) > MOVES else ""
        lines.append(f"{start} {means} {change:+8.4f} {spread:>7}{mark}")
        if mark:
            moving.append(f"{name} at {bits} bits ({change:+.4f})")
    lines.append(f"Moved by more than {MOVES} when the epochs were doubled: {', '.join(moving) or 'none'}.")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is missing and print the table; 1 where a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", required=True, help="names with commas between them, METHOD or METHOD@PRESET")
    parser.add_argument("--bits", default="16,64")
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--protocol", default="cifar10-dualhash-frozen")
    parser.add_argument("--tuned", type=Path, nargs="+", default=[], help="files or folders of studies")
    parser.add_argument("--set", action="append", default=[], dest="sets", help="KEY=VALUE for all runs; repeatable")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("undertrained.csv"))
    given = parser.parse_args(arguments)
    try:
        runs = planned(
            load_catalog(),
            words(given.methods, "--methods"),
            numbers(given.bits, "--bits"),
            numbers(given.seeds, "--seeds"),
            given.protocol,
            find_studies(given.tuned)[0] if given.tuned else (),
            given.sets,
            out=Path("runs"),  # nothing is written there
            data_root=given.data_root,
            weights=given.weights,
            device=given.device,
        )
        table = Table(given.out)
        missing = [run for run in runs if not table.has(run)]
        for place, run in enumerate(missing, 1):
            trial = validate(run)
            table.add(run, trial)
            _, name, bits, seed, epochs = run.key
            result = trial.failure or f"{trial.score:.4f}"
            print(f"[{place}/{len(missing)}] {name} {bits} bits seed {seed}, {epochs} epochs: {result}", flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(report(runs, table)))
    return int(any(table.rows[run.key]["failure"] for run in runs))


if __name__ == "__main__":
    sys.exit(main())
