"""What result.json says about one run, and the checks on reading it back.

The file is always valid JSON: a number that is not finite is written as null and read back as NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import from_json

from hashbench.errors import UserError, cut, shown
from hashbench.plain import PlainError, read_bytes
from hashbench.results.plausible import check_description, check_environment, check_history, check_selection

SCHEMA = 1
"""Version of result.json. Raised when a key changes its name or its meaning."""

DEFAULT_PRESET = "default"

VALIDATION = "val_"
"""Before the name of a metric in `history`: its value on validation queries."""

MOST_BITS = 4096
"""Of a code, as of `hashbench.catalog.request`."""

RECALL_LEVELS = 101
"""Of the curve `precision_interpolated`: recall 0, 0.01, ..., 1."""
_MOST_OF_A_CURVE = 1e18
"""Pairs of a million queries and a million million items."""
OVER_DISTANCE = ("recall_by_radius", "precision_by_radius", "distance_similar", "distance_dissimilar")
"""Curves of K + 1 numbers."""


class ResultRecord(BaseModel):
    """One finished run.

    Attributes:
        schema_version: `schema` in the file.
        fingerprint: of the protocol; runs of different fingerprints are never ranked together.
        protocol: its name.
        protocol_description: all that the fingerprint covers, as nested plain values.
        method: its name in the catalogue.
        preset: label of the hyper-parameters: `default` or a preset's name, `+tunedN` after a search of N trials, and
            `+digest` where --set changed something.
        hparams: every hyper-parameter as used; those of the optimizer and of the schedule under `optimizer` and
            `schedule`.
        bits: code length K.
        seed: of the run.
        metrics: flat, of the test queries (`map`, `map_worst`, `map_best`, `precision@1000`, ...); NaN where undefined.
            All are shares in [0, 1] but the errors (`quantization_error`, ...) and the count `distinct_codes`.
        history: one object per epoch: `epoch`, `seconds`, of a deep method `loss`, its terms and `lr`, what the method
            reports of itself, and `val_<metric>` where the epoch was validated; NaN where a value is undefined.
        curves: of the test queries, see `hashbench.results.curves`; empty in files that older versions wrote, and of
            methods that rank by something else than codes.
        timing: seconds: `seconds_per_epoch`, `train_seconds`, `validation_seconds`, `test_seconds`, `total_seconds`.
        environment: of `hashbench.results.environment`, and the `device`.
        peak_memory_mb: MiB, of the device if there is one, else of the process; NaN where unknown.
        backbone: its name in the catalogue; `raw` where a shallow method saw the inputs as they are.
        selection: the `epoch` that was chosen, the validation `metric` and its `value` then, and what was assumed in
            testing (`evaluation`).
        dataset: its name in the catalogue.
        recipe: whose optimizer and schedule trained it: the `protocol`'s, the `method`'s, its `preset`'s, that of
            a `search`, or `set` by hand; empty for a fitted method, and in files from when every method had its own.
        trials: settings that were tried to choose the hyper-parameters; 0 for those of the catalogue.
        warnings: why the numbers may mean nothing, one sentence each; empty in files that older versions wrote.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_version: int = Field(SCHEMA, alias="schema")
    fingerprint: str = Field(min_length=1)
    protocol: str = Field(min_length=1)
    protocol_description: dict[str, Any] = Field(default_factory=dict)
    method: str = Field(min_length=1)
    preset: str = DEFAULT_PRESET
    hparams: dict[str, Any] = Field(default_factory=dict)
    bits: int = Field(ge=1, le=MOST_BITS)
    seed: int = Field(ge=0, lt=2**31)
    metrics: dict[str, float]
    history: list[dict[str, Any]] = Field(default_factory=list)
    curves: dict[str, list[float]] = Field(default_factory=dict)
    timing: dict[str, float] = Field(default_factory=dict)
    environment: dict[str, Any] = Field(default_factory=dict)
    peak_memory_mb: float = math.nan
    backbone: str
    selection: dict[str, Any] = Field(default_factory=dict)
    dataset: str
    recipe: Literal["", "protocol", "method", "preset", "search", "set"] = ""
    trials: int = Field(0, ge=0, lt=2**31)
    warnings: list[str] = Field(default_factory=list)

    @field_validator("preset", mode="before")
    @classmethod
    def _no_preset_is_the_default(cls, value: object) -> object:
        return value or DEFAULT_PRESET

    @field_validator("peak_memory_mb", mode="before")
    @classmethod
    def _null_is_nan(cls, value: object) -> object:
        return math.nan if value is None else value

    @field_validator("metrics", "timing", mode="before")
    @classmethod
    def _null_values_are_nan(cls, value: object) -> object:
        return _without_none(value) if isinstance(value, dict) else value

    @field_validator("history", mode="before")
    @classmethod
    def _nulls_of_history_are_nan(cls, value: object) -> object:
        return [_without_none(v) if isinstance(v, dict) else v for v in value] if isinstance(value, list) else value

    @field_validator("history", "selection", "environment", "protocol_description")
    @classmethod
    def _is_of_the_kinds_that_are_shown(cls, value: Any, info: ValidationInfo) -> Any:
        _CHECKS[info.field_name or ""](value)
        return value

    @model_validator(mode="after")
    def _curves_have_their_lengths(self) -> ResultRecord:
        if self.curves and {name: len(values) for name, values in self.curves.items()} != self._lengths_of_curves():
            raise ValueError("curves: names or lengths are not those of hashbench.results.curves")
        if not all(sum(map(abs, values)) < _MOST_OF_A_CURVE for values in self.curves.values()):
            raise ValueError("curves: values that are neither shares nor numbers of pairs")
        return self

    def _lengths_of_curves(self) -> dict[str, int]:
        cutoffs = len(self.curves.get("cutoffs", ()))
        lengths = {"precision_interpolated": RECALL_LEVELS, "cutoffs": cutoffs, "precision_at": cutoffs}
        return lengths | dict.fromkeys(OVER_DISTANCE, self.bits + 1)

    @property
    def left_out(self) -> tuple[int, int] | None:
        """How many test queries have nothing relevant in the database, of how many; None where it was not noted."""
        said = self.selection.get("evaluation")
        if not isinstance(said, dict):
            return None
        without, queries = said.get("queries_without_relevant"), said.get("queries")
        return (without, queries) if isinstance(without, int) and isinstance(queries, int) else None

    def to_json(self) -> str:
        """The text of result.json, in the order of the attributes."""
        return to_json(self.model_dump(by_alias=True))


_CHECKS: dict[str, Callable[[Any], None]] = {
    "history": lambda history: check_history(history, VALIDATION),
    "selection": check_selection,
    "environment": check_environment,
    "protocol_description": check_description,
}


def row_key(record: ResultRecord) -> str:
    """What runs share that differ in their seed only: fingerprint, method, preset, hyper-parameters, trials, bits."""
    r = record
    return to_json([r.fingerprint, r.method, r.preset, r.hparams, r.trials, r.bits], compact=True)


def run_key(record: ResultRecord) -> str:
    """What makes a run: its row and its seed."""
    return f"{row_key(record)} seed {record.seed}"


def load_record(path: Path) -> ResultRecord:
    """Read one result.json.

    Raises:
        UserError: the file cannot be read, is no JSON, is of another schema version, or lacks what a result has. The
            message names the file.
    """
    content = read_json(path)
    found = content.get("schema")
    if found != SCHEMA:
        raise UserError(f"{path}: schema version {shown(found)}, this hashbench reads {SCHEMA}: run it again.")
    try:
        return ResultRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: not a result: {cut(where, 60)}: {cut(first['msg'], 120)}. Delete the folder and run it again."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: the file cannot be read, or holds something else; the message names it.
    """
    try:
        content = from_json(read_bytes(path))  # three times as fast as json: a leaderboard reads a thousand
    except PlainError as error:
        raise UserError(f"{path}: cannot be read: {error}.") from error
    except ValueError as error:
        raise UserError(f"{path}: corrupt, not JSON ({error}). Delete the folder and run it again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: corrupt, not a JSON object. Delete the folder and run it again.")
    return content


def to_json(value: object, *, compact: bool = False) -> str:
    """Valid JSON of nested plain values, NumPy's scalars and arrays included; what is not finite becomes null.

    Args:
        value: what to write.
        compact: on one line, without a line end, keys sorted: equal values give equal texts.
    """
    layout: dict[str, Any] = {"sort_keys": True} if compact else {"indent": 1}
    text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, **layout)
    return text if compact else f"{text}\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _without_none(values: dict[Any, Any]) -> dict[Any, Any]:
    if None not in values.values():
        return values
    return {key: math.nan if value is None else value for key, value in values.items()}
