"""Values a query as ranks need them: which rows have them, and what is said of files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import UserError
from hashbench.results.find import find_runs
from hashbench.results.folder import RunFolder
from hashbench.results.per_query import NotPerQueryError, mean_over_seeds, over_queries, per_query
from hashbench.results.record import row_key

VALUES = {"ap": np.array([0.1, np.nan, 0.7]), "ap@100": np.ones(3), "precision@r2": np.array([1, 0, 1])}


@pytest.fixture
def store(tmp_path: Path, make_record, store_record):
    def run(method: str, seed: int, **arrays: np.ndarray) -> RunFolder:
        folder = store_record(tmp_path, make_record(method, seed=seed))
        if arrays:
            folder.write_per_query(arrays)
        return folder

    return run


def test_metrics_are_found_under_the_names_of_the_arrays(store) -> None:
    folder = store("dsh", 0, **VALUES)
    np.testing.assert_array_equal(per_query(folder, "map"), VALUES["ap"])
    np.testing.assert_array_equal(per_query(folder, "map@100"), VALUES["ap@100"])
    whole = per_query(folder, "precision@r2")
    np.testing.assert_array_equal(whole, VALUES["precision@r2"])
    assert whole.dtype == np.float64
    np.savez_compressed(folder.per_query_path, **VALUES)
    np.testing.assert_array_equal(per_query(folder, "map"), VALUES["ap"])
    with pytest.raises(NotPerQueryError, match=r"'map@10' is not kept for each query. Did you mean map@100"):
        per_query(folder, "map@10")


def test_values_are_averaged_over_seeds_query_by_query(store) -> None:
    folders = [store("dsh", seed, ap=np.array([0.1, 0.2]) * (seed + 1)) for seed in range(3)]
    np.testing.assert_allclose(mean_over_seeds(folders, "map"), [0.2, 0.4])
    folders.append(store("dsh", 3, ap=np.ones(5)))
    with pytest.raises(UserError, match="5 queries"):
        mean_over_seeds(folders, "map")


def test_only_rows_that_can_have_a_rank_are_read(store, tmp_path: Path) -> None:
    for seed in range(3):
        store("dsh", seed, **VALUES)
        if seed < 2:
            store("few", seed, **VALUES).per_query_path.write_bytes(b"never read")
        store("none", seed)
    runs = find_runs(tmp_path).runs
    keys = {run.record.method: row_key(run.record) for run in runs}
    found = over_queries(runs, "map")
    assert list(found.values) == [keys["dsh"]]
    np.testing.assert_allclose(found.values[keys["dsh"]], VALUES["ap"])
    assert found.problems == []
    assert over_queries(runs, "quantization_error") == ({}, [])


@pytest.mark.parametrize("kept", [0, 100, 700])
def test_a_torn_file_is_a_problem_and_the_row_has_no_values(store, tmp_path: Path, kept: int) -> None:
    paths = [store(method, seed, **VALUES).per_query_path for method in ("dsh", "csq") for seed in range(3)]
    paths[1].write_bytes(paths[1].read_bytes()[:kept])
    found = over_queries(find_runs(tmp_path).runs, "map")
    assert len(found.values) == 1
    (problem,) = found.problems
    assert problem.startswith(f"{paths[1]}: cannot be read (")
    assert "\n" not in problem


def test_a_damaged_array_is_a_problem(store, tmp_path: Path) -> None:
    path = [store("dsh", seed, **VALUES).per_query_path for seed in range(3)][2]
    content = bytearray(path.read_bytes())
    place = content.index(VALUES["ap"].tobytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    (problem,) = over_queries(find_runs(tmp_path).runs, "map").problems
    assert str(path) in problem


@pytest.mark.parametrize("values", [np.float64(0.5), np.ones((3, 2)), np.array(["a", "b"]), np.ones(3, dtype=complex)])
def test_what_is_no_number_for_each_query_is_a_problem(store, tmp_path: Path, values: np.ndarray) -> None:
    paths = [store("dsh", seed, ap=values).per_query_path for seed in range(3)]
    found = over_queries(find_runs(tmp_path).runs, "map")
    (problem,) = found.problems
    assert problem.startswith(f"{paths[0]}: ap is ")
    assert found.values == {}


def test_values_of_more_queries_than_the_run_had_are_not_read(tmp_path: Path, make_record, store_record) -> None:
    record = make_record("dsh", selection={"evaluation": {"queries": 3}})
    folder = store_record(tmp_path, record)
    folder.write_per_query({"ap": np.zeros(3), "precision@r2": np.zeros(4)})
    assert len(per_query(folder, "map")) == 3
    with pytest.raises(UserError, match=r"precision@r2 is float64 \(4,\), not a number for each of 3 queries"):
        per_query(folder, "precision@r2")
