"""Which rows play which role, and what must hold between the roles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from hashbench.errors import UserError, did_you_mean

ROLES = ("train", "validation", "validation_database", "database", "test")
DISJOINT = (
    ("train", "validation"),
    ("train", "test"),
    ("validation", "test"),
    ("validation", "validation_database"),
    ("test", "validation_database"),
    ("test", "database"),
)
"""Pairs of roles that share no row. Queries are never in the set they are searched in, nor trained on."""

_ROOM = 220
"""Characters of a message for what is wrong."""


class SplitError(UserError):
    """A split that breaks a rule. `problems` lists every breach; the message is one line with the first ones."""

    def __init__(self, name: str, problems: list[str]) -> None:
        shown = [phrase for place, phrase in enumerate(problems) if len("; ".join(problems[: place + 1])) < _ROOM]
        shown = shown or problems[:1]
        more = [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
        super().__init__(f"split {name}: {'; '.join(shown + more)}; correct the split")
        self.problems = problems


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of a table by role, each (n,) int64.

    Attributes:
        train: what methods learn from.
        validation: queries that select the epoch and the hyper-parameters.
        validation_database: what validation queries are searched in.
        database: what test queries are searched in; may equal train.
        test: the queries that the published number is made of.
        name: what error messages call it.
        allow: breaches that are part of a published split, with their exact counts: `{"train+test": 276}` rows shared
            by the two roles, `{"test": 64}` rows listed more than once.

    Raises:
        SplitError: a role without rows, a row twice in a role, negative row numbers, or rows shared by roles that must
            be disjoint (`DISJOINT`), unless `allow` says so; something allowed that is not so.
    """

    train: np.ndarray
    validation: np.ndarray
    validation_database: np.ndarray
    database: np.ndarray
    test: np.ndarray
    name: str = "split"
    allow: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ROLES:
            object.__setattr__(self, role, np.array(getattr(self, role), dtype=np.int64))
        problems = find_problems(self.arrays, self.allow)
        if problems:
            raise SplitError(self.name, problems)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Role -> row numbers, in the order of `ROLES`."""
        return {role: getattr(self, role) for role in ROLES}

    @property
    def counts(self) -> dict[str, int]:
        """Role -> number of rows."""
        return {role: len(rows) for role, rows in self.arrays.items()}

    @cached_property
    def checksum(self) -> str:
        """sha256 (hex) of the content in its canonical form, whatever file it came from: see `split_checksum`."""
        return split_checksum(self.arrays)


def split_checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 (hex) of a split's canonical form.

    For each role in the order of `ROLES`: its name, a space, the number of rows in decimal, a line feed, then the row
    numbers in their order as little-endian 64-bit integers.
    """
    digest = hashlib.sha256()
    for role in ROLES:
        rows = np.asarray(arrays[role]).astype("<i8")
        digest.update(f"{role} {len(rows)}\n".encode())
        digest.update(rows.tobytes())
    return digest.hexdigest()


def find_problems(arrays: Mapping[str, np.ndarray], allow: Mapping[str, int] | None = None) -> list[str]:
    """What is wrong with the roles of a split, one phrase per breach, empty if all is well; `allow` as in `Split`."""
    allowed = dict(allow or {})
    problems = []
    for role, rows in arrays.items():
        values, times = np.unique(rows, return_counts=True)
        if not len(rows):
            problems.append(f"{role} has no rows")
        elif values[0] < 0:
            problems.append(f"{role} has negative row numbers ({_first(values[values < 0])})")
        problems += _compared(f"{role} lists", "rows more than once", values[times > 1], allowed.pop(role, None))
    for a, b in combinations(ROLES, 2):
        if (a, b) in DISJOINT or (b, a) in DISJOINT:
            shared = np.intersect1d(arrays[a], arrays[b])
            problems += _compared(f"{a} and {b} share", "rows", shared, allowed.pop(f"{a}+{b}", None))
    if allowed:
        pairs = [f"{a}+{b}" for a, b in combinations(ROLES, 2) if (a, b) in DISJOINT or (b, a) in DISJOINT]
        wrong = next(iter(allowed))
        problems.append(f"allow names {wrong!r}. {did_you_mean(wrong, [*ROLES, *pairs])}")
    return problems


def _compared(what: str, unit: str, rows: np.ndarray, allowed: int | None) -> list[str]:
    """The phrase for a breach by `rows`, or for an allowance that does not fit them."""
    if len(rows) == (allowed or 0):
        return []
    first = f" ({_first(rows)})" if len(rows) else ""
    return [f"{what} {len(rows)} {unit}{first}" + ("" if allowed is None else f", {allowed} are allowed")]


def _first(rows: np.ndarray) -> str:
    return "first: " + ", ".join(str(int(row)) for row in rows[:5])
