"""Which checks a method gets, and running them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hashbench.testing.check import Check, Result, run_check
from hashbench.testing.entry_checks import COMMON
from hashbench.testing.loss_checks import LOSS
from hashbench.testing.processes import check_two_processes, gloo_exists, start_pair
from hashbench.testing.shallow_checks import SHALLOW
from hashbench.testing.sklearn_checks import sklearn_checks
from hashbench.testing.subject import Subject
from hashbench.testing.training_checks import TRAINING


def checks_of(subject: Subject) -> list[Check]:
    """The checks for a method of this kind, in the order in which they are best read."""
    of_kind: dict[str, Callable[[], list[Check]]] = {
        "deep": lambda: _named((*LOSS, *TRAINING, check_two_processes)),
        "shallow": lambda: [*_named(SHALLOW), *sklearn_checks(subject)],
    }
    return [*_named(COMMON), *of_kind[subject.entry.kind]()]


def run_checks(
    name: str,
    plugins: Iterable[Path | str] = (),
    folder: Path | None = None,
    imports: Iterable[Path | str] = (),
) -> Iterator[Result]:
    """Check a method of the catalogue, one result at a time.

    In a script, call this under `if __name__ == "__main__":`, since it starts two processes for deep methods.

    Args:
        name: of the method.
        plugins, folder, imports: as in `hashbench.catalog.load_catalog`.

    Raises:
        UserError: no such name, or a class that cannot be imported.
    """
    subject = Subject.load(name, plugins, folder, imports)
    checks = checks_of(subject)
    if gloo_exists() and any(check.function is check_two_processes for check in checks):
        start_pair()
    return (run_check(check, subject) for check in checks)


def _named(functions: Iterable[Callable[[Subject], None]]) -> list[Check]:
    return [Check(function.__name__.removeprefix("check_"), function) for function in functions]
