"""Features and targets of one's own: any .npz or .mat file, arrays found by their usual names or named by options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hashbench.data.array_file import describe, read_arrays
from hashbench.data.table import DataTable
from hashbench.data.targets import is_vector
from hashbench.errors import UserError
from hashbench.paths import expanded

FEATURE_NAMES = ("features", "feature", "feats", "feat", "fea", "x", "data", "inputs", "input", "embeddings")
LABEL_NAMES = ("labels", "label", "y", "targets", "target", "gnd", "gt", "groundtruth", "tags", "classes")
ROLE_NAMES = {
    "train": "train",
    "tr": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "database": "database",
    "db": "database",
    "retrieval": "database",
    "test": "test",
    "te": "test",
    "query": "test",
}
_ROLE_ORDER = tuple(dict.fromkeys(ROLE_NAMES.values()))
_INDEX_WORDS = ("", "ind", "inds", "idx", "index", "indices", "rows", "mask")


class Features:
    """A feature data set in a file.

    Looked for, without regard to case: one matrix of features and labels for all rows (`X` and `Y`, `data` and
    `target`, ...), else one pair per part (`traindata`, `traingnd`, `testdata`, `testgnd`), which becomes one table
    with a split. Matrices may lie on their side, with one column per sample. Arrays of row numbers or masks named after
    a role (`train`, `val_idx`, `ind_test`) become the split of the table; row numbers count from 0, in .mat files from
    1 unless a 0 occurs.

    Args:
        root: the file, .npz or .mat (not v7.3).
        features: name of the feature array, where it is not found by itself; a field of a struct is `struct.field`.
        labels: name of the label array, likewise.
        rows: number of samples, where the shapes leave it open which side is the samples'.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        features: str | None = None,
        labels: str | None = None,
        rows: int | None = None,
    ) -> None:
        if root is None:
            raise UserError("features: which file? Give a .npz or .mat file with --data-root FILE")
        self.path = expanded(root)
        self.features, self.labels, self.rows = features, labels, rows

    def load(self) -> DataTable:
        """(N, d) float32 features with class ids or multi-hot labels.

        Raises:
            UserError: no file, arrays that are missing, ambiguous or do not fit each other; the message lists what the
                file holds and the option to give.
        """
        arrays = read_arrays(self.path)
        features, labels = self._find(arrays, "features", self.features), self._find(arrays, "labels", self.labels)
        if features is None and labels is None:
            pairs = self._find_pairs(arrays)
            if pairs:
                return self._joined(arrays, pairs)
        if features is None or labels is None:
            missing = "features" if features is None else "labels"
            raise self._error(f"no array is recognised as {missing}; name it with {missing}=NAME", arrays)
        matrix, targets = self._upright(arrays, features, labels)
        split = self._find_split({name: a for name, a in arrays.items() if name not in (features, labels)}, len(matrix))
        return self._table(matrix, targets, labels, split)

    def _find(self, arrays: Mapping[str, np.ndarray], what: str, given: str | None) -> str | None:
        if given is not None:
            if given not in arrays:
                raise self._error(f"there is no array {given!r} as {what}={given} says", arrays)
            return given
        known = FEATURE_NAMES if what == "features" else LABEL_NAMES
        found = [name for name in arrays if name.rpartition(".")[2].lower() in known]
        if len(found) > 1:
            raise self._error(f"several arrays may be the {what}: {', '.join(found)}; choose with {what}=NAME", arrays)
        return found[0] if found else None

    def _find_pairs(self, arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, str]]:
        """role -> {'features': name, 'labels': name}, complete for at least train and test, else empty."""
        pairs: dict[str, dict[str, str]] = {}
        for name in arrays:
            role, rest = _role_and_rest(name)
            what = "features" if rest in FEATURE_NAMES else "labels" if rest in LABEL_NAMES else None
            if role and what:
                if what in pairs.setdefault(role, {}):
                    raise self._error(
                        f"{pairs[role][what]} and {name} may both be the {what} of {role}; remove one", arrays
                    )
                pairs[role][what] = name
        complete = {"train", "test"} <= pairs.keys() and all(len(pair) == 2 for pair in pairs.values())
        return {role: pairs[role] for role in _ROLE_ORDER if role in pairs} if complete else {}

    def _joined(self, arrays: Mapping[str, np.ndarray], pairs: Mapping[str, Mapping[str, str]]) -> DataTable:
        parts = [self._upright(arrays, pair["features"], pair["labels"]) for pair in pairs.values()]
        if len({matrix.shape[1] for matrix, _ in parts}) > 1 or len({targets.shape[1:] for _, targets in parts}) > 1:
            raise self._error("the parts differ in their number of features or of label columns", arrays)
        ends = np.cumsum([len(matrix) for matrix, _ in parts])
        split = {role: np.arange(end - len(part[0]), end) for role, end, part in zip(pairs, ends, parts, strict=True)}
        matrix, targets = (np.concatenate(side) for side in zip(*parts, strict=True))
        return self._table(matrix, targets, ", ".join(pair["labels"] for pair in pairs.values()), split)

    def _upright(self, arrays: Mapping[str, np.ndarray], features: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, d) and labels (N,) or (N, C) with one row per sample, turned where they lie on their side."""
        x, y = arrays[features], arrays[labels]
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise self._error(f"{features} is no matrix of real numbers; name another with features=NAME", arrays)
        if y.ndim not in (1, 2):
            raise self._error(f"{labels} is no vector or matrix; name another with labels=NAME", arrays)
        y_sides = {y.size: y.reshape(-1)} if is_vector(y) else {y.shape[1]: y.T, y.shape[0]: y}
        sides = {count: (x if x.shape[0] == count else x.T, y_sides[count]) for count in y_sides if count in x.shape}
        if self.rows is not None:
            sides = {count: pair for count, pair in sides.items() if count == self.rows}
        elif x.shape[0] == y.shape[0] in sides:
            sides = {y.shape[0]: sides[y.shape[0]]}
        if len(sides) > 1:
            choices = " or ".join(f"rows={count}" for count in sides)
            raise self._error(f"{features} and {labels} fit in two ways; give {choices}", arrays)
        if not sides:
            asked = f" of {self.rows} rows" if self.rows is not None else ""
            raise self._error(
                f"{features} {x.shape} and {labels} {y.shape} do not fit: labels and rows differ{asked}; "
                "correct the file or name others with features=NAME labels=NAME",
                arrays,
            )
        return next(iter(sides.values()))

    def _find_split(self, arrays: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray] | None:
        split: dict[str, np.ndarray] = {}
        for name, array in arrays.items():
            role, rest = _role_and_rest(name)
            if role is None or rest not in _INDEX_WORDS or not is_vector(array) or array.dtype.kind not in "biuf":
                continue
            if role in split:
                raise self._error(f"several arrays may be the rows of {role}; remove one", arrays)
            split[role] = array.reshape(-1)
            if split[role].dtype.kind == "b" and array.size != count:
                raise self._error(f"the mask {name} has {array.size} entries for {count} rows", arrays)
            if not np.array_equal(array, np.rint(array)):
                raise self._error(f"{name} is no list of row numbers", arrays)
        lists = [rows for rows in split.values() if rows.dtype.kind != "b"]
        base = int(self.path.suffix.lower() == ".mat" and not any((rows == 0).any() for rows in lists))
        return {
            role: np.flatnonzero(rows) if rows.dtype.kind == "b" else rows.astype(np.int64) - base
            for role, rows in split.items()
        } or None

    def _table(
        self, matrix: np.ndarray, targets: np.ndarray, labels: str, split: Mapping[str, np.ndarray] | None
    ) -> DataTable:
        return DataTable.from_arrays(self.path.name, matrix, targets, split, f"features: {self.path}: {labels}")

    def _error(self, what: str, arrays: Mapping[str, np.ndarray]) -> UserError:
        return UserError(f"features: {self.path}: {what}. It holds: {describe(arrays)}")


def _role_and_rest(name: str) -> tuple[str | None, str]:
    """'split.ind_train' -> ('train', 'ind'), 'XTest' -> ('test', 'x'), 'data' -> (None, 'data')."""
    word = name.rpartition(".")[2].lower()
    for part in sorted(ROLE_NAMES, key=len, reverse=True):
        for rest in (word.removeprefix(part), word.removesuffix(part)):
            if rest != word:
                return ROLE_NAMES[part], re.sub(r"[^a-z0-9]", "", rest)
    return None, word
