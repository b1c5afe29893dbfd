"""Which studies a command works on: what is found in the files and folders given, and what the options choose of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.cli.lists import numbers, words
from hashbench.cli.say import say
from hashbench.errors import UserError, did_you_mean, shown

if TYPE_CHECKING:
    from hashbench.tuning.study import Study


def chosen_studies(
    places: Sequence[Path],
    *,
    protocol: str | None = None,
    bits: str | None = None,
    methods: str | None = None,
    all_there: bool = True,
) -> tuple[list[tuple[Path, Study]], list[str]]:
    """Find studies, say on stderr what is none, and keep those that were asked for.

    Args:
        places: files of `hashbench tune`, and folders that hold some.
        protocol: only this one; None: all.
        bits: code lengths as on the command line, `16,32`; None: all.
        methods: names as on the command line, `dsh,csq`; None: all.
        all_there: whether asking for what no study has is an error.

    Returns:
        The studies with their files, and one line for each file of a folder that is no study: a command exits with 1 if
        there is any.

    Raises:
        UserError: no study, or none with what was asked for.
    """
    from hashbench.tuning.find_studies import find_studies

    found, problems = find_studies(places)
    for problem in problems:
        say(f"warning: {problem}")
    asked: list[tuple[str, list[str] | None, Callable[[Study], str]]] = [
        ("protocol", None if protocol is None else [protocol], lambda study: study.run["protocol"]),
        ("method", None if methods is None else words(methods, "--methods"), lambda study: study.method),
        (
            "bits",
            None if bits is None else list(map(str, numbers(bits, "--bits"))),
            lambda study: str(study.run["bits"]),
        ),
    ]
    for what, wanted, of in asked if found else []:
        if wanted is not None:
            known = {of(study) for _, study in found}
            for name in wanted if all_there else []:
                if name not in known:
                    raise UserError(f"no study of {what} {shown(name)}. {did_you_mean(name, known)}")
            found = [(path, study) for path, study in found if of(study) in wanted]
    return found, problems
