"""The same training on one process and on two: a pair of worker processes, joined by gloo, that serves many methods."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from hashbench.catalog.schema import OWN_OPTIMIZER
from hashbench.engine.crash import ends_the_program
from hashbench.process import end_with_parent, starting_safely
from hashbench.testing.check import CheckError, NotApplicable, expect, isolated, one_line
from hashbench.testing.subject import Subject
from hashbench.testing.training import FIRST, LAST, ShortTraining

STARTING = 600.0
"""Seconds that the two processes may take to start and meet: where cores are scarce, importing torch takes minutes."""
ANSWERING = 120.0
"""Seconds that the pair may take for one method before it is given up; or `SLOWER` times what one process took."""
SLOWER = 20.0


@dataclass(frozen=True)
class Measurement:
    """Terms of the loss in each step of two epochs, and the gradient of the first batch by parameter."""

    losses: list[dict[str, float]]
    gradients: dict[str, NDArray[Any]]


def gloo_exists() -> bool:
    """Whether processes can be joined on this platform."""
    return dist.is_available() and dist.is_gloo_available()


def measure(subject: Subject) -> Measurement:
    """Train shortly on this process, or on this process's share of every batch.

    By the method's own optimizer or by SGD: Adam divides a gradient by its size, so that rounding becomes a step where
    gradients are near 0.
    """
    with isolated():
        optimizer = subject.entry.optimizer or OWN_OPTIMIZER
        gradients = ShortTraining(subject, optimizer=optimizer).begin().gradients()
        training = ShortTraining(subject, optimizer=optimizer).begin().epoch(FIRST).epoch(LAST)
    return Measurement(training.losses, {name: value.numpy() for name, value in gradients.items()})


def check_two_processes(subject: Subject) -> None:
    """The same loss in each step, and the same gradients, on one process and on two that share every batch."""
    if not gloo_exists():
        raise NotApplicable("torch was built without gloo")
    started = time.perf_counter()
    one = measure(subject)
    patience = max(ANSWERING, SLOWER * (time.perf_counter() - started))
    for other in measure_on_two(subject, patience):
        _expect_same_losses(one.losses[:1], other.losses[:1])
        _expect_same_gradients(one.gradients, other.gradients)
        _expect_same_losses(one.losses, other.losses)


def _expect_same_losses(one: list[dict[str, float]], two: list[dict[str, float]]) -> None:
    for step, (mine, theirs) in enumerate(zip(one, two, strict=True)):
        expect(set(mine) == set(theirs), f"other terms on two processes: {sorted(mine)} and {sorted(theirs)}")
        for name, value in mine.items():
            expect(
                abs(value - theirs[name]) <= 2e-3 * max(abs(value), 1e-2),
                f"term {name!r} is {value:.6g} on one process and {theirs[name]:.6g} on two, in step {step + 1}",
            )


def _expect_same_gradients(one: dict[str, NDArray[Any]], two: dict[str, NDArray[Any]]) -> None:
    expect(set(one) == set(two), "on two processes, other parameters have a gradient")
    largest = max((float(np.abs(value).max()) for value in one.values()), default=0.0)
    for name, value in one.items():
        difference = float(np.abs(value - two[name]).max())
        expect(
            difference <= 1e-3 * max(largest, 1e-6),
            f"the gradient of {name} differs by {difference:.3g} between one process and two",
        )


def measure_on_two(subject: Subject, seconds: float = ANSWERING) -> tuple[Measurement, ...]:
    """What each of two processes measures. They are started by the first call, and wait for more until we end.

    Args:
        subject: the method.
        seconds: how long they may take, once they run.

    Raises:
        CheckError: the method fails there, or takes too long; the next call starts new processes.
    """
    try:
        return start_pair().measure(subject, seconds)
    except CheckError:
        start_pair().end()
        start_pair.cache_clear()
        raise


class _Pair:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory(prefix="hashbench-pair-")
        self._ours: list[Connection] = []
        self._processes = []
        self._met = False
        for rank in range(2):
            ours, theirs = context.Pipe()
            arguments = (rank, Path(self._folder.name, "meeting").as_uri(), theirs, os.getcwd())
            process = context.Process(target=_serve, args=arguments, daemon=True)
            with starting_safely():
                process.start()
            theirs.close()
            self._ours.append(ours)
            self._processes.append(process)

    def measure(self, subject: Subject, seconds: float) -> tuple[Measurement, ...]:
        if not self._met:
            self._answers("have not started", STARTING)
            self._met = True
        for connection in self._ours:
            connection.send((subject.name, subject.plugins, subject.folder, subject.imports))
        answers = self._answers("give no answer", seconds)
        for answer in answers:
            expect(isinstance(answer, Measurement), f"on two processes: {answer}")
        return answers

    def _answers(self, otherwise: str, seconds: float) -> tuple[Any, ...]:
        """One message of each process."""
        answers: dict[Connection, Any] = {}
        while len(answers) < len(self._ours):
            waiting = [connection for connection in self._ours if connection not in answers]
            ready = wait([*waiting, *(process.sentinel for process in self._processes)], seconds)
            expect(ready, f"two processes {otherwise} within {seconds:.0f} s")
            for connection in waiting:
                if connection in ready:
                    answers[connection] = _answer(connection)
            if not any(connection in ready for connection in waiting):
                raise CheckError("on two processes: one ended without an answer")
        return tuple(answers[connection] for connection in self._ours)

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()
        self._folder.cleanup()


def _answer(connection: Connection) -> Any:
    try:
        return connection.recv()
    except EOFError:
        raise CheckError("on two processes: one ended without an answer") from None


@lru_cache(maxsize=1)
def start_pair() -> _Pair:
    """The pair of processes; called early, it is ready when it is needed."""
    return _Pair()


def _serve(rank: int, meeting: str, connection: Connection, working_folder: str) -> None:
    """A worker: joins the other, then measures whatever it is sent until nobody is left to send."""
    end_with_parent()
    os.chdir(working_folder)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=timedelta(seconds=STARTING))
    connection.send("ready")
    while True:
        try:
            name, plugins, folder, imports = connection.recv()
        except EOFError:
            return
        try:
            answer: Measurement | str = measure(Subject.load(name, plugins, folder, imports))
        except BaseException as error:  # told to the process that asked, which fails the check
            if ends_the_program(error):
                raise
            answer = f"{type(error).__name__}: {one_line(error)}"
        connection.send(answer)
