"""Choosing hyper-parameters on validation: as many trials for every method, the test queries sealed throughout.

Trial 0 is the method's defaults. In every later trial each hyper-parameter of the method's `search` space is drawn from
a stream of its own, named by (seed, method, hyper-parameter, trial): adding a method or a hyper-parameter changes
nobody else's draws, and more trials only append.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashbench.catalog import load_catalog
from hashbench.engine.spec import RunSpec
from hashbench.engine.sweep import limit_threads
from hashbench.errors import RunFailedError, UserError


@dataclass(frozen=True)
class Trial:
    """One setting and its best validation metric (NaN where the run failed, with the reason)."""

    number: int
    values: dict[str, Any]
    score: float
    epoch: int = 0
    seconds: float = 0.0
    failure: str | None = None


def draw(search: Mapping[str, Mapping[str, list[Any]]], seed: int, method: str, number: int) -> dict[str, Any]:
    """The values of trial `number`: {} for trial 0, else one draw for each entry `{log|uniform: [low, high]}` or
    `{choice: [...]}`.

    Raises:
        UserError: an entry of another form.
    """
    from hashbench.data.seeding import derive_seed

    if number == 0:
        return {}
    values: dict[str, Any] = {}
    for name, space in search.items():
        ((kind, options),) = space.items()
        share = derive_seed(seed, "tune", method, name, number) / 2**63
        if kind == "choice":
            values[name] = options[int(share * len(options))]
        elif kind == "uniform":
            values[name] = float(f"{options[0] + share * (options[1] - options[0]):.4g}")
        elif kind == "log":
            low, high = math.log(options[0]), math.log(options[1])
            values[name] = float(f"{math.exp(low + share * (high - low)):.4g}")
        else:
            raise UserError(f"search space of {method}: {name} has kind {kind!r}; use log, uniform or choice")
    return values


def tune(specs: list[tuple[dict[str, Any], RunSpec]], jobs: int, tell: Callable[[str], None]) -> list[Trial]:
    """Try settings, each trained and validated but never tested.

    Args:
        specs: (drawn values, resolved run) of each trial, in order.
        jobs: processes at a time.

    Returns:
        The trials, in order.
    """
    trials: list[Trial] = []
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=limit_threads, initargs=(threads,)) as pool:
        futures = [pool.submit(_try, number, values, spec) for number, (values, spec) in enumerate(specs)]
        for future in as_completed(futures):
            trial = future.result()
            trials.append(trial)
            words = " ".join(f"{name}={value}" for name, value in trial.values.items()) or "defaults"
            result = trial.failure or f"{trial.score:.4f} (epoch {trial.epoch}, {trial.seconds:.1f} s)"
            tell(f"[{len(trials)}/{len(specs)}] {words}: {result}")
    return sorted(trials, key=lambda trial: trial.number)


def _try(number: int, values: dict[str, Any], spec: RunSpec) -> Trial:
    from hashbench.engine.config import make_config
    from hashbench.engine.experiment import prepare
    from hashbench.engine.model import DeepModel
    from hashbench.engine.reporter import Reporter
    from hashbench.engine.runner import HashRunner

    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            experiment = prepare(spec, load_catalog(spec.plugins), Reporter())
            config = make_config(spec, "deep" if isinstance(experiment.model, DeepModel) else "shallow")
            name = f"tune-{os.getpid()}-{spec.method}-{spec.protocol}-{number}-{time.monotonic_ns()}"
            runner = HashRunner(experiment, config, Path(folder), Reporter(), False, name)
            runner.train()
    except (UserError, RunFailedError) as error:
        return Trial(number, values, float("nan"), failure=str(error))
    return Trial(number, values, runner.state.best_value, runner.state.best_epoch, time.perf_counter() - started)
