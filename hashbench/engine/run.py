"""One run from request to result.json: prepare, train or fit, select on validation, test once, write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmengine.dist import barrier

from hashbench.catalog import Catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.crash import crashed, ends_the_program
from hashbench.engine.distributed import is_lost_peer, lost_peers_in_one_line, rank
from hashbench.engine.experiment import Experiment, be_deterministic, prepare
from hashbench.engine.reporter import Reporter
from hashbench.engine.retrieval_loops import RetrievalTestLoop
from hashbench.engine.run_log import log_file
from hashbench.engine.run_result import record_of, write_files
from hashbench.engine.run_state import check_state, folder_of, refuse_to_overwrite_another, refuse_to_resume
from hashbench.engine.runner import HashRunner
from hashbench.engine.sharing import from_first
from hashbench.errors import Interrupted, RunFailedError, UserError, was_interrupted
from hashbench.results.folder import RunFolder
from hashbench.results.record import ResultRecord


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
    be_deterministic(compiled=spec.compile)
    started = time.perf_counter()
    experiment = prepare(spec, catalog, reporter)
    identity = {**spec.identity(), "fingerprint": experiment.fingerprint}
    folder = folder_of(spec, experiment.fingerprint)
    if rank() > 0:  # only the first process touches the folder; the others train with it
        if from_first(None):
            return Outcome(folder.record, folder, fresh=False)
        record, _ = _work(experiment, folder, Reporter(), bool(resume), started)
        return Outcome(record, folder, fresh=True)
    if resume and folder.state == "absent":
        refuse_to_resume(spec, folder, identity)
    with folder.claim(), log_file(folder.log_path):
        if overwrite:
            refuse_to_overwrite_another(folder, identity)
            folder.clear()
        begun = check_state(folder, identity, resume)
        if from_first(folder.state == "finished"):
            return Outcome(folder.record, folder, fresh=False)
        for warning in experiment.warnings:
            reporter.warning(warning)
        with _failures_in_one_line(experiment, folder, begun):
            record, test = _work(experiment, folder, reporter, begun, started)
            write_files(folder, experiment, test, record)
        reporter.message(f"result in {folder.path}")
    return Outcome(record, folder, fresh=True)


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
    return record_of(experiment, runner, test, test_seconds=seconds, total=time.perf_counter() - started), test
