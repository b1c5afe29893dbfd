"""Features and targets of one's own: arrays of a file, found by their usual names or named by options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hashbench.data.array_file import describe, read_arrays
from hashbench.data.array_names import (
    FEATURE_NAMES,
    LABEL_NAMES,
    PART_FEATURE_NAMES,
    PART_LABEL_NAMES,
    ROLES,
    bare,
    last_word,
    role_and_rest,
)
from hashbench.data.file_split import SplitArrayError, find_split
from hashbench.data.table import DataTable
from hashbench.data.upright import OrientationError, upright
from hashbench.errors import UserError
from hashbench.paths import expanded

_LONGEST = 220
"""Characters of a message before what the file holds."""
_WHOLE = {"features": FEATURE_NAMES, "labels": LABEL_NAMES}
_OF_PARTS = {"features": PART_FEATURE_NAMES, "labels": PART_LABEL_NAMES}


class _Named(NamedTuple):
    """Features or labels: the `array` of all rows, or an array for each role, `parts`, which share a `stem`."""

    array: str = ""
    stem: str = ""
    parts: Mapping[str, str] = {}


class Features:
    """A feature data set in a file.

    Looked for, without regard to case: one matrix of features and labels for all rows (`X` and `Y`, `data` and
    `target`, ...), else one pair per part (`traindata`, `traingnd`, `testdata`, `testgnd`; `I_tr`, `L_tr`, ...), which
    becomes one table with a split. Matrices may lie on their side, with one column per sample. Arrays of row numbers or
    masks named after a role (`train`, `val_idx`, `ind_test`), or one array that says the role of each row (`split`),
    become the split of the table; row numbers count from 0, in .mat files from 1 unless a 0 occurs. What the file holds
    beside is named in the notes of the table.

    Args:
        root: the file: .npz, .mat of any version, .h5 (HDF5 needs h5py).
        features: name of the feature array, where it is not found by itself; a field of a struct is `struct.field`. Of
            parts, what their names share: `I` for `I_tr` and `I_te`; one of them stands for all.
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
            raise UserError("features: which file? Give a .npz, .mat or .h5 file with --data-root FILE")
        self.path = expanded(root)
        self.given = {"features": features, "labels": labels}
        self.rows = rows

    def load(self) -> DataTable:
        """(N, d) float32 features with class ids or multi-hot labels.

        Raises:
            UserError: no file, arrays that are missing, ambiguous or do not fit each other; the message lists what the
                file holds and the option to give.
        """
        arrays = read_arrays(self.path)
        by_stem = _by_stem(arrays)
        features, labels = self._choose(arrays, by_stem)
        pairs = self._pairs(arrays, features, labels)
        names = list(pairs.values())
        try:
            parts = upright(names, [self._checked(arrays, x, y) for x, y in names], self.rows)
            rest = {name: a for name, a in arrays.items() if not any(name in pair for pair in names)}
            split, used, notes = self._split(rest, list(pairs), [len(x) for x, _ in parts])
        except (OrientationError, SplitArrayError) as error:
            raise self._error(str(error), arrays) from error
        if len({y.dtype.kind in "US" for _, y in parts}) > 1:
            raise self._error("the labels of some parts are words, of others numbers; save them alike", arrays)
        matrix, targets = (np.concatenate(side) if len(parts) > 1 else side[0] for side in zip(*parts, strict=True))
        unused = {name: array for name, array in rest.items() if name not in used}
        if unused:
            notes.append(f"{self.path.name}: not used: {describe(unused, 220)}")
        if all(len(arrays[x]) > 1 and arrays[x].shape[0] == arrays[x].shape[1] for x, _ in names):
            square = ", ".join(f"{x} {arrays[x].shape}" for x, _ in names)
            notes.append(f"{self.path.name}: {square} is square, each row is taken as a sample")
        of_labels = f"features: {self.path}: {', '.join(y for _, y in names)}"
        return DataTable.from_arrays(self.path.name, matrix, targets, split or None, of_labels, notes)

    # --- which arrays

    def _choose(self, arrays: Mapping[str, np.ndarray], by_stem: _ByStem) -> tuple[_Named, _Named]:
        """Features and labels, both of all rows or both of parts."""
        whole = {what: self._whole(arrays, what) for what in _WHOLE}
        parts = {what: self._parts(arrays, by_stem, what) for what in _WHOLE}
        found: dict[str, _Named] = {}
        for what, given in self.given.items():
            if given is not None:
                found[what] = self._given(arrays, by_stem, what, given)
        if not found and whole["features"] and all(parts.values()):
            self._refuse_both(arrays, by_stem, whole, parts)
        of_parts = any(named.parts for named in found.values()) if found else all(parts.values())
        for what in _WHOLE:
            if what not in found:
                found[what] = self._only(arrays, by_stem, what, parts[what] if of_parts else whole[what], of_parts)
        features, labels = found["features"], found["labels"]
        if bool(features.parts) != bool(labels.parts):
            raise self._error(
                "features and labels are one array of all rows and arrays of parts; name two that go together with "
                "features=NAME labels=NAME",
                arrays,
            )
        return features, labels

    def _given(self, arrays: Mapping[str, np.ndarray], by_stem: _ByStem, what: str, given: str) -> _Named:
        """What an option names: an array, or the arrays of parts by their stem or by one of them."""
        if given in arrays:
            role, stem = role_and_rest(given)
            if role is None or len(by_stem[stem]) < 2:
                return _Named(array=given)
        else:
            stem = bare(last_word(given))
            if stem not in by_stem:
                raise self._error(f"there is no array {given!r} as {what}={given} says", arrays)
        return _Named(stem=stem, parts=self._each_once(arrays, by_stem, what, stem))

    def _whole(self, arrays: Mapping[str, np.ndarray], what: str) -> list[str]:
        return [name for name in arrays if last_word(name) in _WHOLE[what]]

    def _parts(self, arrays: Mapping[str, np.ndarray], by_stem: _ByStem, what: str) -> list[str]:
        """Stems of arrays of parts."""
        return [stem for stem in by_stem if stem in _OF_PARTS[what]]

    def _only(
        self, arrays: Mapping[str, np.ndarray], by_stem: _ByStem, what: str, found: list[str], of_parts: bool
    ) -> _Named:
        if len(found) > 1:
            raise self._error(f"several arrays may be the {what}: {', '.join(found)}; choose with {what}=NAME", arrays)
        if not found:
            stems = [stem for stem, roles in by_stem.items() if stem and {"train", "test"} <= roles.keys()]
            hint = f"name it with {what}=NAME"
            if stems and not any(self._whole(arrays, other) for other in _WHOLE):
                one = stems[0]
                same = ", ".join(name for names in by_stem[one].values() for name in names)
                hint = f"name the arrays of all parts by what they share, such as {what}={one} for {same}"
            raise self._error(f"no array is recognised as {what}; {hint}", arrays)
        if of_parts:
            return _Named(stem=found[0], parts=self._each_once(arrays, by_stem, what, found[0]))
        return _Named(array=found[0])

    def _each_once(self, arrays: Mapping[str, np.ndarray], by_stem: _ByStem, what: str, stem: str) -> dict[str, str]:
        """role -> the one array of a stem."""
        for role, names in by_stem[stem].items():
            if len(names) > 1:
                raise self._error(f"{' and '.join(names)} may both be the {what} of {role}; remove one", arrays)
        return {role: by_stem[stem][role][0] for role in ROLES if role in by_stem[stem]}

    def _refuse_both(
        self,
        arrays: Mapping[str, np.ndarray],
        by_stem: _ByStem,
        whole: Mapping[str, list[str]],
        parts: Mapping[str, list[str]],
    ) -> None:
        """X and y beside X_test and y_test: the former may be all rows, or the training part."""
        of_all = " and ".join(name for names in whole.values() for name in names)
        of_parts = ", ".join(name for stem in parts["features"] for names in by_stem[stem].values() for name in names)
        raise self._error(
            f"{of_all} stand beside parts ({of_parts}): if they are the training part, save them as such (X_train, "
            "y_train); if they are all rows, remove the parts",
            arrays,
        )

    def _pairs(self, arrays: Mapping[str, np.ndarray], features: _Named, labels: _Named) -> dict[str, tuple[str, str]]:
        """role -> names of features and labels; the role of all rows is empty."""
        if not features.parts:
            return {"": (features.array, labels.array)}
        for role in ROLES:
            for one, other, what in ((features, labels, "labels"), (labels, features, "features")):
                if role in one.parts and role not in other.parts:
                    raise self._error(f"{one.parts[role]} has no {what} beside it; add them, or remove it", arrays)
        missing = [role for role in ("train", "test") if role not in features.parts]
        if missing:
            held = ", ".join(features.parts.values())
            raise self._error(f"there is {held}, but no {' and no '.join(missing)} part; add it", arrays)
        return {role: (features.parts[role], labels.parts[role]) for role in ROLES if role in features.parts}

    # --- what is in them

    def _checked(self, arrays: Mapping[str, np.ndarray], features: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
        x, y = arrays[features], arrays[labels]
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise self._error(f"{features} is no matrix of real numbers; name another with features=NAME", arrays)
        if y.ndim not in (1, 2):
            raise self._error(f"{labels} is no vector or matrix; name another with labels=NAME", arrays)
        return x, y

    def _split(
        self, rest: Mapping[str, np.ndarray], roles: list[str], lengths: list[int]
    ) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
        """Rows by role, the arrays they were read from, notes: of the parts, else of arrays beside the data."""
        if roles == [""]:
            found = find_split(rest, lengths[0], may_count_from_one=self.path.suffix.lower() == ".mat")
            return found.rows, found.used, list(found.notes)
        ends = np.cumsum(lengths)
        of_parts = {r: np.arange(end - n, end) for r, n, end in zip(roles, lengths, ends, strict=True)}
        return of_parts, [], []

    def _error(self, what: str, arrays: Mapping[str, np.ndarray]) -> UserError:
        what = what if len(what) <= _LONGEST else f"{what[:_LONGEST]}..."
        held = describe(arrays, max(20, _LONGEST + 20 - len(what)))
        return UserError(f"features: {self.path}: {what}. It holds: {held}")


_ByStem = dict[str, dict[str, list[str]]]
"""What names share ('x' of X_train and X_test) -> role -> arrays."""


def _by_stem(arrays: Mapping[str, np.ndarray]) -> _ByStem:
    found: _ByStem = {}
    for name in arrays:
        role, stem = role_and_rest(name)
        if role:
            found.setdefault(stem, {}).setdefault(role, []).append(name)
    return found
