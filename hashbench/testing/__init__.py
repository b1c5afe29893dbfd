"""The conformance checks that the author of a method runs on it, under pytest or with `hashbench check METHOD`.

    from pathlib import Path
    from hashbench.testing import parametrize_with_checks

    @parametrize_with_checks("my_method", folder=Path(__file__).parent)
    def test_conformance(check):
        check()

`folder` is where a hashbench.yaml with the entry lies; a method of an installed plugin needs only its name.
"""

from hashbench.testing.check import Check, CheckError, NotApplicable, Result, expect, run_check
from hashbench.testing.pytest_checks import parametrize_with_checks
from hashbench.testing.subject import Subject
from hashbench.testing.suite import checks_of, run_checks

__all__ = [
    "Check",
    "CheckError",
    "NotApplicable",
    "Result",
    "Subject",
    "checks_of",
    "expect",
    "parametrize_with_checks",
    "run_check",
    "run_checks",
]
