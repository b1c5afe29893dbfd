"""One run from request to result.json: prepare, train or fit, select on validation, test once, write."""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.crash import crashed, ends_the_program
from hashbench.engine.distributed import is_lost_peer, lost_peers_in_one_line, rank
from hashbench.engine.doubts import doubts
from hashbench.engine.experiment import Experiment, be_deterministic, prepare
from hashbench.engine.reporter import Reporter, logger
from hashbench.engine.retrieval_loops import RetrievalTestLoop
from hashbench.engine.runner import HashRunner
from hashbench.engine.sharing import from_first
from hashbench.errors import Interrupted, RunFailedError, UserError, was_interrupted
from hashbench.foreign_text import visible
from hashbench.results.atomic import write_errors_explained
from hashbench.results.codes import RunCodes
from hashbench.results.curves import kept_curves
from hashbench.results.environment import environment
from hashbench.results.find import find_run
from hashbench.results.folder import RunFolder
from hashbench.results.layout import method_dir_name, protocol_dir_name
from hashbench.results.record import SCHEMA, ResultRecord


@dataclass(frozen=True)
class Outcome:
    """A finished run.

    Attributes:
        record: its result.
        run: its folder.
        fresh: False where the run had been finished before and was only read.
    """

    record: ResultRecord
    run: RunFolder
    fresh: bool

    @property
    def folder(self) -> Path:
        """Path of the run's folder."""
        return self.run.path


@lost_peers_in_one_line()
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
    be_deterministic()
    started = time.perf_counter()
    experiment = prepare(spec, catalog, reporter)
    identity = {**spec.identity(), "fingerprint": experiment.fingerprint}
    folder = _folder(spec, experiment.fingerprint)
    if rank() > 0:  # only the first process touches the folder; the others train with it
        if from_first(None):
            return Outcome(folder.record, folder, fresh=False)
        record, _ = _work(experiment, folder, Reporter(), bool(resume), started)
        return Outcome(record, folder, fresh=True)
    if resume and folder.state == "absent":
        _refuse_to_resume(spec, folder, identity)
    with folder.claim(), _log_file(folder.log_path):
        if overwrite:
            _refuse_to_overwrite_another(folder, identity)
            folder.clear()
        begun = _check_state(folder, identity, resume)
        if from_first(folder.state == "finished"):
            return Outcome(folder.record, folder, fresh=False)
        for warning in experiment.warnings:
            reporter.warning(warning)
        with _failures_in_one_line(experiment, folder, begun):
            record, test = _work(experiment, folder, reporter, begun, started)
            _write(folder, experiment, test, record)
        reporter.message(f"result in {folder.path}")
    return Outcome(record, folder, fresh=True)


def _folder(spec: RunSpec, fingerprint: str) -> RunFolder:
    """Where the run was begun, else its place: data of one's own have a folder for each content."""
    begun = find_run(spec.out, spec.identity(), fingerprint)
    if begun is not None:
        return begun
    ambiguous = spec.overridden or spec.settings.split.fractions is not None
    return RunFolder.at(
        spec.out,
        protocol_dir_name(spec.protocol, fingerprint, ambiguous=ambiguous),
        method_dir_name(spec.method, spec.preset),
        spec.bits,
        spec.seed,
    )


@contextmanager
def _failures_in_one_line(experiment: Experiment, folder: RunFolder, begun: bool) -> Iterator[None]:
    """An interruption says what is saved and how to go on, an error of the method where to read on."""
    checkpoints = CheckpointStore(folder.checkpoints_path)

    def interrupted() -> Interrupted:
        epochs = checkpoints.epochs()
        saved = f"state saved after epoch {epochs[0]}" if epochs else "nothing was to be saved yet"
        return Interrupted(f"interrupted, {saved}; the same command with --resume goes on (in {folder.path})")

    try:
        yield
    except UserError:
        if not begun and not checkpoints.epochs():  # a request that is refused leaves no unfinished run behind
            folder.clear()
        raise
    except RunFailedError:
        raise
    except BaseException as error:  # the method's code may fail in any way, or leave (SystemExit)
        if was_interrupted(error):
            raise interrupted() from None
        if is_lost_peer(error) or ends_the_program(error):
            raise
        raise crashed(experiment.method_class, error, folder.log_path) from error


def _check_state(folder: RunFolder, identity: dict[str, Any], resume: bool | None) -> bool:
    """Refuse to mix runs; note what this run is where nothing was begun. Returns whether there is one to go on with."""
    begun = folder.state != "absent"
    if begun and resume is False:
        if other := _another(folder, identity):
            raise UserError(f"{folder.path} holds another run: {other}. Ask for that one, or give another --out")
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


def _refuse_to_overwrite_another(folder: RunFolder, identity: dict[str, Any]) -> None:
    if folder.state != "absent" and (other := _another(folder, identity)):
        raise UserError(
            f"--overwrite: {folder.path} holds another run: {other}. Give another --out, or delete that folder"
        )


def _another(folder: RunFolder, identity: dict[str, Any]) -> str:
    """What a begun run differs in from this one; nothing where it is this one, or nobody can say which it is."""
    try:
        return folder.differs_from(identity)
    except UserError:  # spec.json is missing or corrupt: to do it again is then the way out
        return ""


def _work(
    experiment: Experiment, folder: RunFolder, reporter: Reporter, resume: bool, started: float
) -> tuple[ResultRecord, RetrievalTestLoop]:
    """Train, select, test."""
    runner = HashRunner(experiment, folder, reporter, resume=resume)
    if rank() == 0:
        folder.write_config(runner.cfg.pretty_text)
    try:
        runner.train()
    finally:
        reporter.end()
        if rank() == 0:
            runner.visualizer.close()
    barrier()
    selection = runner.select()
    reporter.message(f"selected {selection}; testing {len(experiment.roles.test)} queries")
    test_started = time.perf_counter()
    test = runner.final_test()
    seconds = time.perf_counter() - test_started
    return _record(experiment, runner, test, test_seconds=seconds, total=time.perf_counter() - started), test


def _refuse_to_resume(spec: RunSpec, folder: RunFolder, identity: dict[str, Any]) -> None:
    """--resume where nothing was started: name what differs from a run of the same method, bits and seed, if any."""
    for other in RunFolder.all_begun(
        spec.out, protocol=spec.protocol, method=spec.method, bits=spec.bits, seed=spec.seed
    ):
        if _another(other, identity):
            other.check_spec(identity)
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
            "hparams": {**spec.hparams, "optimizer": spec.optimizer, "schedule": spec.schedule, **_hooks(spec)},
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
            "warnings": [*experiment.warnings, *_doubts(experiment, runner, test)],
        }
    )


def _doubts(experiment: Experiment, runner: HashRunner, test: RetrievalTestLoop) -> list[str]:
    """What training and codes show; it goes to the log here and is shown with the result."""
    found = doubts(
        runner.state,
        test.query,
        test.database,
        bits=experiment.spec.bits,
        mean_ap=test.metrics["map"],
        chance=experiment.chance,
    )
    for warning in found:
        logger.warning(warning)
    return found


def _hooks(spec: RunSpec) -> dict[str, Any]:
    """Hooks that may change training count with the hyper-parameters, where there are any."""
    return {"custom_hooks": list(spec.custom_hooks)} if spec.custom_hooks else {}


def _write(folder: RunFolder, experiment: Experiment, test: RetrievalTestLoop, record: ResultRecord) -> None:
    if test.query.codes is not None and test.database.codes is not None:
        codes = RunCodes(
            query_codes=test.query.codes,
            database_codes=test.database.codes,
            query_labels=test.query.labels,
            database_labels=test.database.labels,
            query_index=experiment.roles.test,
            database_index=experiment.roles.database,
            bits=experiment.spec.bits,
            query_outputs=test.query.outputs,
        )
        folder.write_codes(codes)
    folder.write_per_query(test.evaluator.last.per_query)
    folder.write_result(record)


def _peak_memory_mb(device: str) -> float:
    """MiB at most held: on the GPU if there is one in use, else by this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


class _Visible(logging.Formatter):
    """Messages name files, and a log is read on terminals."""

    def format(self, record: logging.LogRecord) -> str:
        """As of logging."""
        return visible(super().format(record))


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Everything that hashbench logs goes to the run's log.txt while the run works; also why it crashed."""
    with write_errors_explained(path):
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Visible("%(asctime)s %(levelname)s %(message)s"))
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
