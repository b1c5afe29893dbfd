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
        query_codes, database_codes: (Q, ceil(bits/8)) and (N, ceil(bits/8)) uint8, packed little-endian, what is beyond
            the last bit 0.
        query_labels, database_labels: (Q,) and (N,) class ids, or (Q, C) and (N, C) multi-hot; integers or booleans.
        query_index, database_index: (Q,) and (N,) integers, rows in the data set.
        bits: code length K, at least 1.
        query_outputs: (q, K) real numbers, what was binarised, of the first q queries; None where it is not kept.

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
        if self.bits < 1:
            raise ValueError(f"bits: {self.bits}, want 1 or more")
        for role in _ROLES:
            codes, width = getattr(self, f"{role}_codes"), -(-self.bits // 8)
            _check(f"{role}_codes", codes, codes.dtype == np.uint8 and codes.ndim == 2, f"uint8 (rows, {width})")
            _check(f"{role}_codes", codes, codes.shape[1] == width, f"uint8 (rows, {width})")
            if self.bits % 8 and (codes[:, -1] >> (self.bits % 8)).any():
                raise ValueError(f"{role}_codes: bits are set beyond bit {self.bits}")
            labels, index = getattr(self, f"{role}_labels"), getattr(self, f"{role}_index")
            of_rows = f"of {len(codes)} rows, as {role}_codes"
            is_labels = labels.ndim in (1, 2) and labels.dtype.kind in "biu" and len(labels) == len(codes)
            _check(f"{role}_labels", labels, is_labels, f"integers {of_rows}")
            is_index = index.shape == (len(codes),) and index.dtype.kind in "iu"
            _check(f"{role}_index", index, is_index, f"integers {of_rows}")
        of_query, of_database = self.query_labels, self.database_labels
        alike = of_query.shape[1:] == of_database.shape[1:]
        _check("query_labels", of_query, alike, f"columns as database_labels {of_database.shape}")
        if self.query_outputs is not None:
            _check_outputs(self.query_outputs, self.query_index, self.bits)

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
    bits = arrays["bits"]
    try:
        _check("bits", bits, bits.size == 1 and bits.dtype.kind in "iu", "one integer")
        return RunCodes(**arrays | {"bits": int(bits.item())})  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"{path}: its arrays do not fit together ({error}); {_ADVICE}") from error


def read_query_outputs(path: Path) -> QueryOutputs | None:
    """The outputs that a codes.npz keeps, without reading its codes; None where it keeps none.

    Raises:
        UserError: it cannot be read, or the outputs are not of this form.
    """
    with open_npz(path, advice=_ADVICE) as file:
        if not {_OUTPUTS, "query_index"} <= set(file.names):
            return None
        outputs, index = file.read(_OUTPUTS), file.read("query_index")
    try:
        _check_outputs(outputs, index)
    except ValueError as error:
        raise UserError(f"{path}: its arrays do not fit together ({error}); {_ADVICE}") from error
    return QueryOutputs(outputs, index[: len(outputs)])


def _check_outputs(outputs: np.ndarray, index: np.ndarray, bits: int | None = None) -> None:
    """Refuse outputs that are not those of the first queries, one for each of `bits` where that is known."""
    _check("query_index", index, index.ndim == 1 and index.dtype.kind in "iu", "integers (queries,)")
    fits = outputs.ndim == 2 and outputs.dtype.kind == "f" and len(outputs) <= len(index)
    fits = fits and outputs.shape[1] >= 1 and bits in (None, outputs.shape[1])
    _check(_OUTPUTS, outputs, fits, f"real numbers (at most {len(index)}, {bits or 'bits'})")


def _check(name: str, array: np.ndarray, holds: bool, wanted: str) -> None:
    """Say what an array is and should be, unless it is so."""
    if not holds:
        raise ValueError(f"{name}: {array.dtype} {array.shape}, want {wanted}")
