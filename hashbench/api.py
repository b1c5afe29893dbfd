"""The Python face: what the commands do, as functions for notebooks and scripts. `hashbench` gives them lazily."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.catalog import Catalog, ProtocolEntry, load_catalog
from hashbench.catalog.request import RunSpec, resolve
from hashbench.catalog.set_words import as_set
from hashbench.errors import RunFailedError, UserError, did_you_mean
from hashbench.foreign_text import visible
from hashbench.results.folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from hashbench.tuning.study import Study

Paths = str | Path | RunFolder | Sequence[str | Path | RunFolder]
"""Folders that hold runs at any depth, or runs."""


def run(
    method: str,
    *,
    protocol: str = "digits",
    bits: int = 32,
    seed: int = 0,
    out: str | Path = "runs",
    overwrite: bool | None = None,
    progress: bool = True,
    **options: Any,
) -> RunFolder:
    """Train (or fit) one method, select on validation, test once: `hashbench run`.

    Args:
        method: its name; `hashbench.METHODS.names()` are all.
        protocol: what all methods share.
        bits: code length K.
        seed: of every random stream.
        out: folder of all runs. An unfinished run in it is gone on with, a finished one is read.
        overwrite: do a finished run again. None: only where something it uses (method, data set, optimizer, ...) was
            decorated in a notebook or a session, since its code may have changed since.
        progress: show it on standard error.
        options: see `request`.

    Returns:
        The run's folder: `metrics`, `history`, `codes`, `per_query`, `record`.

    Raises:
        UserError: the request is wrong.
        RunFailedError: training diverged, a method's code failed, or the disk is full.

    Example:
        >>> result = run("dsh", bits=16, epochs=2, optimizer={"type": "StoM"})  # doctest: +SKIP
        >>> result.metrics["map"]  # doctest: +SKIP
    """
    from hashbench.engine.reporter import Reporter
    from hashbench.engine.run import run as run_one
    from hashbench.sweeps.importable import without_file

    catalog, spec = request(method, protocol=protocol, bits=bits, seed=seed, out=out, **options)
    reporter = Reporter()
    if progress:
        from hashbench.cli.progress import reporter as on_standard_error

        reporter = on_standard_error()
    again = without_file(spec) is not None if overwrite is None else overwrite
    finished = run_one(spec, catalog, reporter, resume=None, overwrite=again).run
    _ = finished.record  # read now: doing the run again must not change a result that one holds
    return finished


def sweep(
    methods: str | Sequence[str],
    *,
    bits: int | Iterable[int] = (16, 32, 64),
    seeds: int | Iterable[int] = (0, 1, 2),
    protocols: str | Sequence[str] = ("digits",),
    out: str | Path = "runs",
    jobs: int | None = None,
    executor: str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    retry: int = 0,
    progress: bool = True,
    **options: Any,
) -> list[RunFolder]:
    """Many runs, finished ones skipped: `hashbench sweep`.

    Args:
        methods: names, or `NAME@PRESET`.
        bits, seeds, protocols: one or several of each; every combination is run.
        out: folder of all runs.
        jobs: runs at a time; None: as many as the machine has cores, or GPUs where they are used.
        executor: `local`, `inline`, `ray`, `slurm` or one of your own. None: `local`; or `inline`, in this process,
            where a class of these runs was decorated in a notebook, which no other process can import.
        executor_options: arguments of its constructor.
        retry: times that a crashed run is tried again.
        progress: a line for each run on standard error.
        options: of `request`, for all runs.

    Returns:
        The finished runs, in the order of protocols, bits, seeds, methods. Those finished before are used as they are,
        also where a class was decorated in a notebook and has changed since, which a warning says: give another `out`,
        or do them again by `run`.

    Raises:
        UserError: the request is wrong.
        RunFailedError: some runs failed; the others are finished, and the same call tries these again.
    """
    from hashbench.sweeps.executors import choose_executor
    from hashbench.sweeps.known_runs import KnownRuns
    from hashbench.sweeps.sweep import sweep as sweep_runs

    names = [methods] if isinstance(methods, str) else list(methods)
    specs, catalog = [], None
    for protocol in [protocols] if isinstance(protocols, str) else protocols:
        for length in [bits] if isinstance(bits, int) else bits:
            for seed in [seeds] if isinstance(seeds, int) else seeds:
                for name in names:
                    method, _, preset = name.partition("@")
                    asked = options | ({"preset": preset} if preset else {})
                    catalog, spec = request(method, protocol=protocol, bits=length, seed=seed, out=out, **asked)
                    specs.append(spec)
    if catalog is None:
        return []
    choice = choose_executor(catalog, executor or _executor_for(specs), executor_options, jobs)
    outcome = sweep_runs(specs, lambda: choice.make(specs[0].device), _teller(progress), retry=retry)
    if outcome.failed or outcome.no_room:
        first = outcome.failed[0] if outcome.failed else "no room on the disk"
        raise RunFailedError(
            f"{len(outcome.failed)} of {len(specs)} runs failed, the finished ones are kept; the first: {first}"
        )
    known = KnownRuns()
    return [run for spec in specs if (run := known.finished(spec)) is not None]


def tune(
    method: str,
    *,
    trials: int = 16,
    protocol: str = "digits",
    bits: int = 32,
    seed: int = 0,
    search: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
    sampler: str = "named",
    halving: bool | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    executor: str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    progress: bool = True,
    **options: Any,
) -> Study:
    """Try settings of a method on validation queries, the test queries sealed throughout: `hashbench tune`.

    Args:
        trials: settings to try, the defaults first.
        search: `{"alpha": {"log": [0.1, 1.0]}}` replaces or adds to the method's own search space; also `uniform` and
            `choice`.
        sampler: `named` or `tpe`.
        halving: whether only the better trials are trained to the end; None: where the method is trained in epochs.
        out: file of the study, gone on with, or a folder of studies; None: `studies/PROTOCOL/METHOD-16bit.json`.
        jobs, executor, executor_options, progress: as of `sweep`.
        options: of `request`.

    Returns:
        The study: `best()`, `best_sets()`, `trials`.

    Raises:
        UserError: the request is wrong.
        RunFailedError: every trial failed, or some were lost; those that are over are kept.
    """
    from hashbench.sweeps.executors import choose_executor
    from hashbench.tuning.tune_method import STUDIES, tune_method

    asked: dict[str, Any] = {"protocol": protocol, "bits": bits, "seed": seed}
    sets = _set_words(**{name: options.pop(name, None) for name in ("hparams", "optimizer", "schedule")})
    catalog, defaults = request(method, **asked, sets=sets, **options)
    choice = choose_executor(catalog, executor or _executor_for([defaults]), executor_options, jobs)
    study, _ = tune_method(
        catalog,
        lambda words: request(method, **asked, sets=words, **options)[1],
        lambda: choice.make(defaults.device),
        _teller(progress),
        method=method,
        preset=options.get("preset"),
        sets=sets,
        search=[
            f"{name}={kind} {' '.join(str(value) for value in values)}"
            for name, kinds in (search or {}).items()
            for kind, values in kinds.items()
        ],
        sampler=sampler,
        trials=trials,
        seed=seed,
        path=STUDIES if out is None else Path(out),
        halving=halving,
    )
    return study


def request(
    method: str,
    *,
    hparams: Mapping[str, Any] | None = None,
    optimizer: str | Mapping[str, Any] | None = None,
    schedule: str | Mapping[str, Any] | None = None,
    preset: str | None = None,
    dataset: str | Mapping[str, Any] | None = None,
    backbone: str | Mapping[str, Any] | None = None,
    data_root: str | Path | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
    compile: bool = False,
    channels_last: bool | None = None,
    plugins: Sequence[str | Path] = (),
    imports: Sequence[str | Path] = (),
    sets: Sequence[str] = (),
    out: str | Path = "runs",
    protocol: str = "digits",
    bits: int = 32,
    seed: int = 0,
    **changes: Any,
) -> tuple[Catalog, RunSpec]:
    """What a call asks for, resolved: the options that `run`, `sweep` and `tune` share.

    Args:
        hparams: hyper-parameters of the method, `{"alpha": 0.5}`.
        optimizer, schedule: `"StoM"`, or `{"type": "StoM", "lr": 0.1}`, or some of its options, `{"lr": 0.1}`.
        preset: named hyper-parameters of the method.
        dataset, backbone: another one than the protocol's, by name, or `{"type": name, **options}`.
        data_root: folder or file of the data.
        weights: file of backbone weights.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        plugins: registry.yaml files, or their folders, of what is not packaged.
        imports: Python files whose decorators register methods, data sets, ...
        sets: `key=value` words as of `--set`.
        changes: fields of the protocol: `epochs=5`, `batch_size=64`, `frozen=True`, `hidden=[128]`, ...

    Raises:
        UserError: an unknown name or option, or a value that does not fit.
    """
    catalog = load_catalog([Path(path) for path in plugins], imports=[Path(path) for path in imports])
    for field in changes:
        if field not in ProtocolEntry.model_fields:
            known = [*ProtocolEntry.model_fields, *_NAMES]
            raise UserError(f"{field}: neither an argument nor a field of the protocol. {did_you_mean(field, known)}")
    words = _set_words(hparams, optimizer, schedule)
    names: dict[str, Any] = {}
    for section, given in (("dataset", dataset), ("backbone", backbone)):
        options = {"type": given} if isinstance(given, str) else dict(given or {})
        names[section] = options.pop("type", None)
        words += [as_set(f"{section}.{name}", value) for name, value in options.items()]
    spec = resolve(
        catalog,
        method=method,
        protocol=protocol,
        preset=preset,
        **names,
        sets=[*words, *sets],
        changes=changes,
        bits=bits,
        seed=seed,
        out=Path(out),
        weights=None if weights is None else Path(weights),
        data_root=None if data_root is None else Path(data_root),
        device=device,
        compile=compile,
        channels_last=channels_last,
        plugins=tuple(Path(path) for path in plugins),
    )
    return catalog, spec


_NAMES = ("hparams", "optimizer", "schedule", "preset", "dataset", "backbone", "data_root", "weights", "device")


def _set_words(
    hparams: Mapping[str, Any] | None,
    optimizer: str | Mapping[str, Any] | None,
    schedule: str | Mapping[str, Any] | None,
) -> list[str]:
    """What belongs to the method, as words of `--set`."""
    words = [as_set(name, value) for name, value in (hparams or {}).items()]
    for section, given in (("optimizer", optimizer), ("schedule", schedule)):
        options = {"type": given} if isinstance(given, str) else dict(given or {})
        words += [as_set(f"{section}.{name}", value) for name, value in options.items()]
    return words


def load_results(runs: Paths = "runs") -> pd.DataFrame:
    """One row per finished run: what it was (protocol, method, bits, seed, ...), every metric, timings, its folder.

    Args:
        runs: folders that hold runs, at any depth, or runs.

    Raises:
        UserError: no such folder, or a result that cannot be read.
    """
    import pandas as pd

    rows = []
    for one in _found(runs):
        record = one.record
        rows.append(
            {
                **{name: getattr(record, name) for name in ("protocol", "fingerprint", "backbone", "method", "preset")},
                "bits": record.bits,
                "seed": record.seed,
                **record.metrics,
                **record.timing,
                "folder": str(one.path),
            }
        )
    return pd.DataFrame(rows)


def leaderboard(
    runs: Paths = "runs",
    *,
    metric: str = "map",
    protocol: str | None = None,
    bits: int | Iterable[int] | None = None,
    methods: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Runs summarised over seeds, the best first within a fingerprint and code length: `hashbench leaderboard`.

    Args:
        runs: folders that hold runs, at any depth, or runs.
        metric: to sort and rank by.
        protocol, bits, methods: only these.

    Returns:
        The columns of the CSV (docs/leaderboard.md), one row per setting.

    Raises:
        UserError: no such folder, a result that cannot be read, or a metric that no run has.
    """
    from hashbench.results.leaderboard import table
    from hashbench.results.per_query import over_queries

    lengths = None if bits is None else {bits} if isinstance(bits, int) else set(bits)
    names = None if methods is None else {methods} if isinstance(methods, str) else set(methods)
    chosen = [
        one
        for one in _found(runs)
        if (protocol is None or one.record.protocol == protocol)
        and (lengths is None or one.record.bits in lengths)
        and (names is None or one.record.method in names)
    ]
    values, problems = over_queries(chosen, metric)
    if problems:
        raise UserError(problems[0])
    return table([one.record for one in chosen], metric=metric, queries=values).reset_index(drop=True)


def _found(runs: Paths) -> list[RunFolder]:
    from hashbench.results.find import find_runs

    given = [runs] if isinstance(runs, str | Path | RunFolder) else list(runs)
    found, problems, _ = find_runs([one.path if isinstance(one, RunFolder) else one for one in given])
    if problems:
        raise UserError(problems[0])
    return found


def _teller(progress: bool) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if progress:
            print(visible(line), file=sys.stderr, flush=True)

    return tell


def _executor_for(specs: Sequence[RunSpec]) -> str:
    """This process where a run uses a class that no other process can import, else processes of this machine."""
    from hashbench.sweeps.importable import without_file

    return "inline" if any(without_file(spec) for spec in specs) else "local"
