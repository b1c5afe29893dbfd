"""A check: a function of a method that passes, fails with a reason, or says why it does not apply."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

from hashbench.engine.crash import ends_the_program
from hashbench.testing.subject import Subject


class CheckError(AssertionError):
    """The method does not do what it must; the message says what, in one line."""


class NotApplicable(Exception):  # noqa: N818 - no error: what a check says where it has nothing to look at
    """The check does not apply to this method; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: for reports, unique among the checks of a method.
        function: raises `CheckError` or `NotApplicable`; any other exception counts as a failure.
    """

    name: str
    function: Callable[[Subject], None]

    def __call__(self, subject: Subject) -> None:
        """Run the function; random streams and warning filters of the caller are left as they were."""
        with isolated():
            self.function(subject)


@dataclass(frozen=True)
class Result:
    """What a check found."""

    check: str
    outcome: Literal["pass", "skip", "fail"]
    reason: str
    seconds: float

    def to_plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def expect(condition: object, what: str) -> None:
    """Raise `CheckError(what)` unless the condition holds."""
    if not condition:
        raise CheckError(what)


def run_check(check: Check, subject: Subject) -> Result:
    """Run one check; whatever the method raises becomes a reason."""
    started = time.perf_counter()
    outcome: Literal["pass", "skip", "fail"] = "pass"
    reason = ""
    try:
        check(subject)
    except NotApplicable as error:
        outcome, reason = "skip", one_line(error)
    except CheckError as error:
        outcome, reason = "fail", one_line(error)
    except BaseException as error:  # a method may fail in any way, or leave; the reason is passed on
        if ends_the_program(error):
            raise
        outcome, reason = "fail", f"{type(error).__name__}: {one_line(error)}"
    return Result(check.name, outcome, reason, round(time.perf_counter() - started, 3))


def one_line(error: BaseException, limit: int = 300) -> str:
    """The message of an exception as a single line of at most `limit` characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


@contextmanager
def isolated() -> Iterator[None]:
    """Inside, random streams start from fixed seeds and warnings are silent; afterwards all is as before."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scramble(0)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def scramble(seed: int) -> None:
    """Set the global random streams, on which nothing that a method computes may depend."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
