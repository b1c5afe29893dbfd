"""result.json: always valid JSON, and nothing read that was not checked."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import UserError
from hashbench.results.record import SCHEMA, ResultRecord, load_record, to_json

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
RECORD: dict[str, Any] = {
    "fingerprint": "a1b2",
    "protocol": "digits",
    "method": "dsh",
    "bits": 16,
    "seed": 0,
    "metrics": {},
    "backbone": "small_conv",
    "dataset": "digits",
}


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def finite_or_nan(values: dict[str, float]) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


@given(
    st.dictionaries(st.text(), NUMBERS), st.lists(st.dictionaries(st.text(), NUMBERS, max_size=3), max_size=3), NUMBERS
)
def test_any_numbers_are_valid_json_and_come_back(metrics: dict, history: list, memory: float) -> None:
    written = ResultRecord.model_validate(RECORD | {"metrics": metrics, "history": history, "peak_memory_mb": memory})
    content = json.loads(written.to_json(), parse_constant=refuse_constant)
    assert content["metrics"] == finite_or_nan(metrics)
    read = ResultRecord.model_validate(content)
    assert finite_or_nan(read.metrics) == finite_or_nan(metrics)
    assert [finite_or_nan(row) for row in read.history] == [finite_or_nan(row) for row in history]
    assert math.isnan(read.peak_memory_mb) != math.isfinite(memory)


def test_keys_of_the_file_are_those_of_the_design(make_record) -> None:
    promised = "schema fingerprint protocol method preset hparams bits seed metrics history timing environment"
    others = "protocol_description curves peak_memory_mb backbone selection dataset recipe trials warnings"
    assert set(json.loads(make_record().to_json())) == set(f"{promised} {others}".split())


def test_numpy_values_are_written_as_numbers() -> None:
    values = {
        "a": np.float32(0.5),
        "b": np.int64(3),
        "c": np.array([1.0, np.nan]),
        "d": np.bool_(True),
        "e": (1, Path("x")),
    }
    assert json.loads(to_json(values)) == {"a": 0.5, "b": 3, "c": [1.0, None], "d": True, "e": [1, "x"]}


def test_compact_form_does_not_depend_on_the_order_of_keys() -> None:
    assert to_json({"b": {"y": 1, "x": 2}, "a": 3}, compact=True) == to_json(
        {"a": 3, "b": {"x": 2, "y": 1}}, compact=True
    )


@pytest.mark.parametrize("preset", [None, "", "default"])
def test_no_preset_is_the_default_one(preset: str | None) -> None:
    assert ResultRecord.model_validate(RECORD | {"preset": preset}).preset == "default"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "corrupt"),
        ('{"schema": 1, "metrics": {"map"', "corrupt"),
        ("[1]", "not a JSON object"),
        (b"\xff\xfe\x00", "corrupt"),
        (json.dumps(RECORD | {"schema": SCHEMA + 1}), f"schema version {SCHEMA + 1}, this hashbench reads {SCHEMA}"),
        (json.dumps(RECORD), "schema version None"),
        (json.dumps({"schema": SCHEMA}), "fingerprint: Field required"),
        (json.dumps(RECORD | {"schema": SCHEMA, "metrics": {"map": "high"}}), "metrics.map"),
        (json.dumps(RECORD | {"schema": SCHEMA, "metrics": None}), "metrics"),
        (json.dumps(RECORD | {"schema": SCHEMA, "bits": 0}), "bits"),
        (json.dumps(RECORD | {"schema": SCHEMA, "extra": 0}), "extra"),
    ],
)
def test_what_is_no_result_is_named_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        load_record(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert said in text
    assert "\n" not in text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=os.strerror(2)):
        load_record(tmp_path / "result.json")
