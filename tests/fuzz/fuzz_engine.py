"""Runs hashbench on inputs that are wrong by chance, in this process, and says what a user should never see.

A case is a kind of input and a seed: the same two give the same bytes. `hunt("study", range(1000))` looks for faults;
what it finds is printed with kind, seed, command and bytes, and `hunt("study", [17])` repeats one.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import shutil
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 300
SECONDS = 20
"""Of one case; a test machine may be busy with others."""
ROOM = 3 * 2**30
"""Bytes of address space that one case may ask for."""
GROWTH = 600 * 2**20
"""Bytes by which one case may raise the most memory that this process ever held."""

Make = Callable[[random.Random, Path], "list[str] | Callable[[], None]"]
"""Writes the files of a case into a folder, which is the working folder then; the words of the command, or what to call
in its place."""


class Fault(NamedTuple):
    """A case that went wrong."""

    kind: str
    seed: int
    asked: Any
    problem: str
    files: dict[str, bytes]

    def __str__(self) -> str:
        lines = [f"{self.kind}, seed {self.seed}: {self.problem}", f"  asked: {str(self.asked)[:400]}"]
        return "\n".join([*lines, *(f"  {name}: {content[:400]!r}" for name, content in self.files.items())])


class HangError(BaseException):
    """A case took too long. No `except Exception` takes it for its own."""


def hunt(kind: str, make: Make, seeds: Iterable[int], folder: Path) -> list[Fault]:
    """Try the cases of a kind; those that went wrong."""
    found = []
    before = Path.cwd()
    for seed in seeds:
        case = folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        case.mkdir(parents=True)
        os.chdir(case)
        try:
            asked = make(random.Random(f"{kind} {seed}"), case)
            files = {path.name: path.read_bytes() for path in sorted(case.rglob("*")) if path.is_file()}
            problem = _problem_of(asked)
        finally:
            os.chdir(before)
        if problem:
            found.append(Fault(kind, seed, asked, problem, files))
    return found


def _problem_of(asked: list[str] | Callable[[], None]) -> str:
    """What is wrong with the answer to a case; nothing where it is as it should be."""
    out, err = io.StringIO(), io.StringIO()
    most = _most_memory()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _watched():
            if callable(asked):
                asked()
                return ""
            code = _exit_code(asked)
    except HangError:
        return f"no answer within {SECONDS} seconds"
    except BaseException:
        return traceback.format_exc()
    if _most_memory() - most > GROWTH:
        return f"it took {(_most_memory() - most) >> 20} MiB"
    return _wrong_answer(code, err.getvalue())


def _exit_code(words: list[str]) -> int:
    from hashbench.cli.app import _run

    return _run(words)


def _wrong_answer(code: int, err: str) -> str:
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if code not in (0, 1, 2):
        return f"exit code {code}\n{err}"
    if code == 2 and (len(errors) != 1 or lines[-1] != errors[0]):
        return f"exit code 2 with {len(errors)} lines of error at the end of\n{err}"
    if code == 0 and errors:
        return f"exit code 0 with\n{err}"
    for line in lines:
        if not line.isprintable():
            return f"control characters in {line!r}"
        if line.startswith(("error: ", "warning: ")) and len(line) > LONGEST:
            return f"{len(line)} characters: {line}"
    return "" if "Traceback" not in err else err


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Raises `HangError` when the time is up; what asks for too much memory gets a MemoryError."""

    def ring(*_: object) -> None:
        raise HangError

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + ROOM, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, handler)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
