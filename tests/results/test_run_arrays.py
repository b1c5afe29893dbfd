"""codes.npz and per_query.npz of a run: what was written comes back, what does not fit together is refused."""

from __future__ import annotations

import numpy as np
import pytest
from refusal import one_line

from hashbench.errors import UserError
from hashbench.results.codes import RunCodes
from hashbench.results.folder import RunFolder


def codes(bits: int = 12, rows: int = 5) -> dict:
    packed = np.arange(rows * 2, dtype=np.uint8).reshape(rows, 2)
    return {
        "query_codes": packed[:2],
        "database_codes": packed,
        "bits": bits,
        "query_labels": np.eye(2, 3, dtype=np.uint8),
        "database_labels": np.eye(rows, 3, dtype=np.uint8),
        "query_index": np.array([7, 9]),
        "database_index": np.arange(rows),
    }


def test_codes_come_back_under_the_names_of_the_design(folder: RunFolder) -> None:
    given = codes()
    with folder.claim():
        folder.write_codes(RunCodes(**given))
        first = (folder.path / "codes.npz").read_bytes()
        folder.write_codes(RunCodes(**given))
    assert (folder.path / "codes.npz").read_bytes() == first, "equal codes, equal file"
    with np.load(folder.path / "codes.npz", allow_pickle=False) as found:
        assert set(found) == set(given)
        for name, value in given.items():
            np.testing.assert_array_equal(found[name], value)
        assert found["query_codes"].dtype == np.uint8


def test_outputs_of_the_first_queries_may_be_kept(folder: RunFolder) -> None:
    outputs = np.linspace(-1, 1, 12).reshape(1, 12)
    with folder.claim():
        folder.write_codes(RunCodes(**codes(), query_outputs=outputs))
    with np.load(folder.path / "codes.npz", allow_pickle=False) as found:
        assert found["query_outputs"].dtype == np.float32
        np.testing.assert_allclose(found["query_outputs"], outputs, atol=1e-7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bits": 17},
        {"query_outputs": np.zeros((3, 12))},
        {"query_outputs": np.zeros((2, 11))},
        {"query_codes": np.zeros((2, 2), dtype=np.int8)},
        {"database_labels": np.zeros(4)},
        {"query_index": np.zeros(3)},
        {"query_labels": np.array(["a", None], dtype=object)},
    ],
)
def test_codes_that_do_not_fit_together_are_refused(folder: RunFolder, wrong: dict) -> None:
    with folder.claim():
        with pytest.raises(ValueError):
            folder.write_codes(RunCodes(**(codes() | wrong)))
        assert not (folder.path / "codes.npz").exists()


def test_per_query_values_come_back(folder: RunFolder) -> None:
    values = {"map": np.array([0.5, np.nan]), "hits": np.array([[1, 2], [3, 4]])}
    with folder.claim():
        folder.write_per_query(values)
    with np.load(folder.path / "per_query.npz") as found:
        assert set(found) == set(values)
        for name, value in values.items():
            np.testing.assert_array_equal(found[name], value)


def test_what_was_written_is_what_is_read(folder: RunFolder, make_record) -> None:
    first, second = (codes() | {"database_index": index} for index in (np.arange(5), np.arange(5, 10)))
    with folder.claim():
        for given, value in ((first, 0.25), (second, 0.75)):
            folder.write_spec({"value": value})
            folder.write_codes(RunCodes(**given, query_outputs=np.full((1, 12), value)))
            folder.write_per_query({"ap": np.array([value, np.nan])})
            folder.write_result(make_record(value=value))
            assert folder.spec == {"value": value}
            np.testing.assert_array_equal(folder.codes.database_index, given["database_index"])
            np.testing.assert_array_equal(folder.per_query["ap"], [value, np.nan])
            assert folder.record.metrics["map"] == value
            outputs = folder.read_query_outputs()
            assert outputs is not None
            assert (outputs.outputs.tolist(), outputs.images.tolist()) == ([[value] * 12], [7])


def test_a_run_that_keeps_no_outputs_or_no_codes_says_so(folder: RunFolder, make_record) -> None:
    with folder.claim():
        folder.write_result(make_record())
        assert folder.read_query_outputs() is None
        with pytest.raises(UserError, match=r"this run has no codes\.npz: dsh makes no codes"):
            _ = folder.codes
        with pytest.raises(UserError, match=r"per_query\.npz: missing"):
            _ = folder.per_query
        with pytest.raises(UserError, match=r"spec\.json: missing, though the run is finished"):
            _ = folder.spec
        folder.write_codes(RunCodes(**codes()))
        assert folder.read_query_outputs() is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bits": 17}, "do not fit together (query_codes: uint8 (2, 2), want uint8 (rows, 3))"),
        ({"bits": "twelve"}, "do not fit together"),
        ({"bits": np.arange(2)}, "do not fit together"),
        (
            {"query_index": np.int64(3)},
            "do not fit together (query_index: int64 (), want integers of 2 rows, as query_codes)",
        ),
        ({"query_index": np.array([0.5, 1.5])}, "(query_index: float64 (2,), want integers of 2 rows"),
        ({"database_labels": np.full((5, 3), np.nan)}, "(database_labels: float64 (5, 3), want integers of 5 rows"),
        ({"database_labels": np.arange(5)}, "(query_labels: uint8 (2, 3), want columns as database_labels (5,))"),
        ({"database_labels": np.uint8(1)}, "(database_labels: uint8 (), want integers of 5 rows"),
        ({"database_codes": np.float32(1)}, "(database_codes: float32 (), want uint8 (rows, 2))"),
        ({"database_codes": np.full((5, 2), 255, np.uint8)}, "(database_codes: bits are set beyond bit 12)"),
        ({"bits": np.nan}, "(bits: float64 (), want one integer)"),
        ({"bits": 12.7}, "(bits: float64 (), want one integer)"),
        ({"bits": 0}, "(bits: 0, want 1 or more)"),
        ({"database_labels": None}, "it lacks database_labels; there is query_codes"),
    ],
)
def test_stored_codes_that_do_not_fit_together_are_one_line(folder: RunFolder, change: dict, said: str) -> None:
    arrays = {name: value for name, value in (codes() | change).items() if value is not None}
    folder.path.mkdir(parents=True)
    np.savez(folder.codes_path, **arrays)
    with pytest.raises(UserError) as caught:
        folder.read_codes()
    assert one_line(caught.value).startswith(f"{folder.codes_path}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"query_outputs": np.float32(1)}, "query_outputs: float32 (), want real numbers (at most 2, bits)"),
        ({"query_outputs": np.array(["a"])}, "query_outputs: <U1 (1,)"),
        ({"query_outputs": np.zeros((3, 12))}, "query_outputs: float64 (3, 12)"),
        ({"query_index": np.float64(1)}, "query_index: float64 (), want integers (queries,)"),
    ],
)
def test_stored_outputs_of_another_form_are_one_line(folder: RunFolder, change: dict, said: str) -> None:
    folder.path.mkdir(parents=True)
    np.savez(folder.codes_path, **codes() | {"query_outputs": np.zeros((2, 12))} | change)
    with pytest.raises(UserError) as caught:
        folder.read_query_outputs()
    assert said in one_line(caught.value)


@pytest.mark.parametrize("cut", [0, 10, 700, -1])
def test_damaged_codes_are_one_line(folder: RunFolder, cut: int) -> None:
    with folder.claim():
        folder.write_codes(RunCodes(**codes(), query_outputs=np.zeros((2, 12))))
    folder.codes_path.write_bytes(folder.codes_path.read_bytes()[:cut])
    for read in (folder.read_codes, folder.read_query_outputs):
        with pytest.raises(UserError) as caught:
            read()
        assert f"{folder.codes_path}: cannot be read (" in one_line(caught.value)
