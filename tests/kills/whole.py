"""Runs with codes, made without training; and whether runs are whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashbench.results.codes import RunCodes
from hashbench.results.find import find_runs
from hashbench.results.folder import RunFolder


def store_with_codes(root: Path, record) -> None:
    """A finished run with codes."""
    random = np.random.default_rng(record.seed)
    run = RunFolder.at(root, record.protocol, record.method, record.bits, record.seed)
    with run.claim():
        run.write_spec({})
        run.write_codes(
            RunCodes(
                query_codes=random.integers(0, 256, (4, 2), dtype=np.uint8),
                database_codes=random.integers(0, 256, (9, 2), dtype=np.uint8),
                query_labels=np.arange(4) % 3,
                database_labels=np.arange(9) % 3,
                query_index=np.arange(4),
                database_index=np.arange(9),
                bits=16,
            )
        )
        run.write_result(record)


def assert_whole_runs(out: Path, whole: dict[str, RunFolder]) -> None:
    """What is there is unfinished, or is what the undisturbed command made."""
    found = find_runs(out) if out.exists() else None
    assert found is None or found.problems == []
    for run in found.runs if found else []:
        expected = whole[str(run.path.relative_to(out))]
        assert run.record.metrics == expected.record.metrics
        assert run.record.selection == expected.record.selection
        assert {name: list(values) for name, values in run.per_query.items()} == {
            name: list(values) for name, values in expected.per_query.items()
        }
        for name, array in run.codes.arrays().items():
            assert np.array_equal(array, expected.codes.arrays()[name]), name


def runs_below(out: Path) -> dict[str, RunFolder]:
    return {str(run.path.relative_to(out)): run for run in find_runs(out).runs}
