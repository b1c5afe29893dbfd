"""Whatever bytes a file or an option holds: an answer or one line, never a traceback, never for ever."""

from __future__ import annotations

import pytest
from fuzz_engine import hunt
from fuzz_kinds import KINDS

MANY = 10
"""Times as many cases, and others, in the slow suite."""


def _assert_none(kind: str, seeds: range, folder, monkeypatch) -> None:
    monkeypatch.setenv("HASHBENCH_CACHE", str(folder / "cache"))
    make, _ = KINDS[kind]
    faults = list(hunt(kind, make, seeds, folder))
    assert not faults, f"{len(faults)} of {len(seeds)} cases\n" + "\n".join(map(str, faults[:5]))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_input_is_one_line(kind, tmp_path, monkeypatch):
    _assert_none(kind, range(KINDS[kind][1]), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_much_more_wrong_input_is_one_line(kind, tmp_path, monkeypatch):
    first = KINDS[kind][1]
    _assert_none(kind, range(first, first * (1 + MANY)), tmp_path, monkeypatch)
