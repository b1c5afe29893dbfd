"""One run from request to result.json: prepare, train or fit, select on validation, test once, write."""

from __future__ import annotations

import itertools
import logging
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.config import make_config
from hashbench.engine.crash import crashed
from hashbench.engine.distributed import agreed, barrier, rank
from hashbench.engine.experiment import Experiment, prepare
from hashbench.engine.model import DeepModel
from hashbench.engine.reporter import Reporter
from hashbench.engine.retrieval_loops import RetrievalTestLoop
from hashbench.engine.runner import HashRunner
from hashbench.errors import Interrupted, RunFailedError, UserError
from hashbench.results.atomic import explained, write_text
from hashbench.results.curves import kept_curves
from hashbench.results.environment import environment
from hashbench.results.folder import SPEC, RunFolder, method_dir_name, protocol_dir_name
from hashbench.results.record import SCHEMA, ResultRecord

_RUNS = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """A finished run.

    Attributes:
        fresh: False where the run had been finished before and was only read.
    """

    record: ResultRecord
    folder: Path
    fresh: bool


def run(
    spec: RunSpec,
    catalog: Catalog,
    reporter: Reporter | None = None,
    *,
    resume: bool | None = False,
    overwrite: bool = False,
) -> Outcome:
    """Do one run.

    Args:
        resume: go on with an unfinished run, or read a finished one; None: that, or begin it, whichever it needs.
        overwrite: throw away what is in the result folder of this very run.

    Raises:
        UserError: the request is wrong, or its folder holds another or an unfinished run.
        RunFailedError: training diverged, or the disk is full.
        Interrupted: Ctrl-C.
    """
    reporter = reporter or Reporter()
    for note in spec.notes:
        reporter.warning(note)
    _determinism()
    started = time.perf_counter()
    experiment = prepare(spec, catalog, reporter)
    folder = RunFolder(
        spec.out,
        protocol_dir_name(spec.protocol, experiment.fingerprint, overridden=spec.overridden),
        method_dir_name(spec.method, spec.preset),
        spec.bits,
        spec.seed,
    )
    if rank() > 0:  # only the first process touches the folder; the others train with it
        if agreed(None):
            return Outcome(folder.read_result(), folder.path, fresh=False)
        record, _ = _work(experiment, folder.path, Reporter(), bool(resume), started)
        return Outcome(record, folder.path, fresh=True)
    identity = {**spec.identity(), "fingerprint": experiment.fingerprint}
    if resume and folder.state == "absent":
        _refuse_to_resume(spec, folder, identity)
    with folder.claim(), _log_file(folder.path / "log.txt"):
        if overwrite:
            _empty(folder.path)
        begun = _check_state(folder, identity, resume)
        if agreed(folder.state == "finished"):
            return Outcome(folder.read_result(), folder.path, fresh=False)
        with _told_how_it_ended(experiment, folder.path, begun):
            record, test = _work(experiment, folder.path, reporter, begun, started)
            _write(folder, experiment, test, record)
        reporter.message(f"result in {folder.path}")
    return Outcome(record, folder.path, fresh=True)


@contextmanager
def _told_how_it_ended(experiment: Experiment, folder: Path, begun: bool) -> Iterator[None]:
    """Whatever ends a run too early says in one line what is saved, or where to read on."""
    try:
        yield
    except KeyboardInterrupt:
        epochs = CheckpointStore(folder / "checkpoints", lambda _: None).epochs()
        saved = f"state saved after epoch {epochs[0]}" if epochs else "nothing was to be saved yet"
        raise Interrupted(f"interrupted, {saved}; the same command with --resume goes on (in {folder})") from None
    except UserError:
        if not begun:  # a request that is refused leaves no unfinished run behind
            (folder / SPEC).unlink(missing_ok=True)
        raise
    except RunFailedError:
        raise
    except Exception as error:  # the method's code may fail in any way
        raise crashed(experiment.method_class, error, folder / "log.txt") from error


def _check_state(folder: RunFolder, identity: dict[str, Any], resume: bool | None) -> bool:
    """Refuse to mix runs; note what this run is where nothing was begun. Returns whether there is one to go on with."""
    begun = folder.state == "finished" or (folder.path / "spec.json").exists()
    if begun and resume is False:
        raise UserError(
            f"{folder.path} holds this run, finished: --resume shows it, --overwrite does it again"
            if folder.state == "finished"
            else f"{folder.path} holds an unfinished run: --resume goes on with it, --overwrite starts anew"
        )
    if begun:
        folder.check_spec(identity)
    else:
        folder.write_spec(identity)
    return begun


def _work(
    experiment: Experiment, folder: Path, reporter: Reporter, resume: bool, started: float
) -> tuple[ResultRecord, RetrievalTestLoop]:
    """Train, select, test."""
    config = make_config(experiment.spec, "deep" if isinstance(experiment.model, DeepModel) else "shallow")
    if rank() == 0:
        write_text(folder / "config.py", config.pretty_text)
    runner = HashRunner(experiment, config, folder, reporter, resume, f"hashbench-{os.getpid()}-{next(_RUNS)}")
    try:
        runner.train()
    finally:
        reporter.end()
    barrier()
    selection = runner.select()
    reporter.message(f"selected {selection}; testing {len(experiment.roles.test)} queries")
    test_started = time.perf_counter()
    test = runner.final_test()
    seconds = time.perf_counter() - test_started
    return _record(experiment, runner, test, test_seconds=seconds, total=time.perf_counter() - started), test


def _refuse_to_resume(spec: RunSpec, folder: RunFolder, identity: dict[str, Any]) -> None:
    """--resume where nothing was started: name what differs from a run of the same method, bits and seed, if any."""
    pattern = f"{spec.protocol}*/{spec.method}*/{spec.bits}bit/seed{spec.seed}"
    for other in sorted(spec.out.glob(f"{pattern}/spec.json")):
        protocol, method = other.parts[-5], other.parts[-4]
        if method.partition("@")[0] == spec.method:
            RunFolder(spec.out, protocol, method, spec.bits, spec.seed).check_spec(identity)
    raise UserError(f"there is no run to resume in {folder.path}: start it without --resume")


def _record(
    experiment: Experiment, runner: HashRunner, test: RetrievalTestLoop, *, test_seconds: float, total: float
) -> ResultRecord:
    spec, state = experiment.spec, runner.state
    evaluation = test.evaluator.last
    timing = {
        "seconds_per_epoch": state.train_seconds / max(1, len(state.history)),
        "train_seconds": state.train_seconds,
        "validation_seconds": state.val_seconds,
        "test_seconds": test_seconds,
        "total_seconds": total,
    }
    return ResultRecord.model_validate(
        {
            "schema": SCHEMA,
            "fingerprint": experiment.fingerprint,
            "protocol": spec.protocol,
            "protocol_description": experiment.description,
            "method": spec.method,
            "preset": spec.preset,
            "hparams": {**spec.hparams, "optimizer": spec.optimizer, "schedule": spec.schedule},
            "bits": spec.bits,
            "seed": spec.seed,
            "metrics": test.metrics,
            "history": state.history,
            "curves": kept_curves(evaluation),
            "timing": timing,
            "environment": {**environment(), "device": experiment.device},
            "peak_memory_mb": _peak_memory_mb(experiment.device),
            "backbone": experiment.backbone_name,
            "selection": {
                "metric": spec.settings.primary,
                "epoch": state.best_epoch,
                "value": state.best_value,
                "evaluation": evaluation.info,
            },
            "dataset": spec.settings.dataset,
            "trials": spec.trials,
        }
    )


def _write(folder: RunFolder, experiment: Experiment, test: RetrievalTestLoop, record: ResultRecord) -> None:
    if test.query.codes is not None and test.database.codes is not None:
        folder.write_codes(
            query_codes=test.query.codes,
            database_codes=test.database.codes,
            bits=experiment.spec.bits,
            query_labels=test.query.labels,
            database_labels=test.database.labels,
            query_index=experiment.roles.test,
            database_index=experiment.roles.database,
            query_outputs=test.query.outputs,
        )
    folder.write_per_query(test.evaluator.last.per_query)
    folder.write_result(record)


def _determinism() -> None:
    """The same command gives the same codes: deterministic algorithms wherever torch has them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def _peak_memory_mb(device: str) -> float:
    """MiB at most held: on the GPU if there is one in use, else by this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _empty(folder: Path) -> None:
    """Everything in a claimed folder but the files of the claim and the log that is being written."""
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.name == "log.txt":
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Everything that hashbench logs goes to the run's log.txt while the run works; also why it crashed."""
    with explained(path):
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("hashbench")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError):
            logging.getLogger("hashbench.run").exception("the run crashed")
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
