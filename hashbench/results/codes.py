"""The codes of a run's test queries and of its database, as codes.npz keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hashbench.errors import UserError
from hashbench.npz import open_npz, read_npz

_ROLES = ("query", "database")
_ARRAYS = tuple(f"{role}_{what}" for role in _ROLES for what in ("codes", "labels", "index"))
_OUTPUTS = "query_outputs"
_ADVICE = "run it again"


class QueryOutputs(NamedTuple):
    """What was binarised, of the first test queries.

    Attributes:
        outputs: (q, K) float32.
        images: (q,) their rows in the data set.
    """

    outputs: np.ndarray
    images: np.ndarray


@dataclass(frozen=True, eq=False)
class RunCodes:
    """Packed codes with their labels and rows.

    Attributes:
        query_codes, database_codes: (Q, ceil(bits/8)) and (N, ceil(bits/8)) uint8, packed little-endian.
        query_labels, database_labels: (Q,) and (N,) class ids, or (Q, C) and (N, C) multi-hot.
        query_index, database_index: (Q,) and (N,) int64, rows in the data set.
        bits: code length K.
        query_outputs: (q, K) what was binarised, of the first q queries; None where it is not kept.

    Raises:
        ValueError: shapes or dtypes that do not fit together.
    """

    query_codes: np.ndarray
    database_codes: np.ndarray
    query_labels: np.ndarray
    database_labels: np.ndarray
    query_index: np.ndarray
    database_index: np.ndarray
    bits: int
    query_outputs: np.ndarray | None = None

    def __post_init__(self) -> None:
        for role in _ROLES:
            codes, width = getattr(self, f"{role}_codes"), -(-self.bits // 8)
            if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != width:
                raise ValueError(f"{role}_codes: {codes.dtype} {codes.shape}, want uint8 (rows, {width})")
            for name in (f"{role}_labels", f"{role}_index"):
                array = getattr(self, name)
                if array.ndim < 1 or len(array) != len(codes):
                    raise ValueError(f"{name}: {array.shape}, {role}_codes has {len(codes)} rows")
        outputs = self.query_outputs
        if outputs is not None and (
            outputs.ndim != 2 or len(outputs) > len(self.query_codes) or outputs.shape[1] != self.bits
        ):
            raise ValueError(f"{_OUTPUTS}: {outputs.shape}, want (at most {len(self.query_codes)}, {self.bits})")

    def arrays(self) -> dict[str, np.ndarray]:
        """By the names of codes.npz."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        if self.query_outputs is not None:
            arrays[_OUTPUTS] = self.query_outputs.astype(np.float32)
        return arrays | {"bits": np.asarray(self.bits, dtype=np.int64)}


def read_codes(path: Path) -> RunCodes:
    """All that a codes.npz holds.

    Raises:
        UserError: it cannot be read, lacks an array, or its arrays do not fit together.
    """
    arrays = read_npz(path, [*_ARRAYS, "bits"], optional=[_OUTPUTS], advice=_ADVICE)
    try:
        return RunCodes(**arrays | {"bits": int(arrays["bits"])})  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: its arrays do not fit together ({error}); {_ADVICE}") from error


def read_query_outputs(path: Path) -> QueryOutputs | None:
    """The outputs that a codes.npz keeps, without reading its codes; None where it keeps none.

    Raises:
        UserError: it cannot be read.
    """
    with open_npz(path, advice=_ADVICE) as file:
        if not {_OUTPUTS, "query_index"} <= set(file.names):
            return None
        outputs, index = file.read(_OUTPUTS), file.read("query_index")
    return QueryOutputs(outputs, index[: len(outputs)])
