"""The checks as a parametrised pytest test, in the manner of scikit-learn's `parametrize_with_checks`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.testing.check import Check, NotApplicable, one_line
from hashbench.testing.subject import Subject
from hashbench.testing.suite import checks_of

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class BoundCheck:
    """A check of one method, to be called in a test."""

    check: Check
    subject: Subject

    def __call__(self) -> None:
        """Pass, raise, or skip the test with the reason why the check does not apply."""
        import pytest

        try:
            self.check(self.subject)
        except NotApplicable as reason:
            pytest.skip(one_line(reason))


def parametrize_with_checks(
    *names: str,
    plugins: Iterable[Path | str] = (),
    folder: Path | None = None,
    imports: Iterable[Path | str] = (),
) -> pytest.MarkDecorator:
    """A pytest decorator that runs a test once for each check of each method; the test calls its argument `check`.

    Args:
        names: methods of the catalogue.
        plugins, folder, imports: where the catalogue is completed from, as in `hashbench.catalog.load_catalog`:
            `folder` is one with a hashbench.yaml, the working folder if not given.

    Raises:
        UserError: no such name, or a class that cannot be imported.

    Example:
        >>> @parametrize_with_checks("dsh")
        ... def test_conformance(check):
        ...     check()
    """
    import pytest

    subjects = Subject.load_all(names, plugins, folder, imports)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(BoundCheck(check, subject), id=f"{subject.name}-{check.name}")
            for subject in subjects
            for check in checks_of(subject)
        ],
    )
