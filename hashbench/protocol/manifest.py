"""From the `split` entry of a protocol to checked row numbers: a manifest with its checksum, or a seeded draw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hashbench.catalog.schema import SplitEntry
from hashbench.data.table import DataTable, LabelledRows
from hashbench.errors import UserError, did_you_mean, shown
from hashbench.npz import read_npz
from hashbench.paths import expanded, is_file
from hashbench.protocol.split import ROLES, Split, SplitError
from hashbench.protocol.stratified import draw_rows
from hashbench.protocol.unseen import unseen_split
from hashbench.text_file import read_text

if TYPE_CHECKING:
    from importlib.abc import Traversable

OPTIONAL = {"database": "train", "validation_database": "database"}
"""A manifest may leave these out; they then equal the role named."""


def load_split(entry: SplitEntry, table: LabelledRows) -> Split:
    """The split that a protocol asks for, on the table it is for.

    A manifest is read and its checksum compared. `fractions` are drawn by seed, stratified by class, with the training
    rows as the database; where the table brings its own split, that one is used, and validation queries are drawn from
    its training rows if it names none. `unseen` divides the classes first: see `hashbench.protocol.unseen`.

    Args:
        entry: the protocol's.
        table: the data, or what their lists say (`ImageIndex`).

    Raises:
        UserError: no such manifest, not a manifest, fractions that leave nothing.
        SplitError: overlaps, duplicates, rows outside the table or left out of it, other counts or another checksum
            than declared.
    """
    if entry.manifest is not None:
        split = read_manifest(entry.manifest, entry.allow)
    elif entry.unseen is not None:
        split = unseen_split(entry.unseen, entry.seed, table)
    else:
        split = _own_split(entry, table) if table.split is not None else _drawn_split(entry, table)
    problems = _checksum_problems(split, entry.sha256) if entry.sha256 is not None else []
    problems += _count_problems(split, entry.counts) + _range_problems(split, len(table))
    problems += _absence_problems(split, table)
    if problems:
        raise SplitError(split.name, problems)
    return split


def shipped_manifests() -> dict[str, Traversable]:
    """Name -> file of the manifests in the package."""
    files = resources.files("hashbench.protocol").joinpath("manifests").iterdir()
    return {
        file.name.removesuffix(".npz"): file
        for file in sorted(files, key=lambda f: f.name)
        if file.name.endswith(".npz")
    }


def read_manifest(manifest: str, allow: Mapping[str, int] | None = None) -> Split:
    """Read a shipped manifest by name, or a file by its path, .npz or .json: one array of row numbers per role.

    `train`, `validation` and `test` are required; `database` defaults to train, `validation_database` to the database.
    `allow` as in `Split`.

    Raises:
        UserError: no such manifest or file, a file that cannot be read, unknown or missing roles, not row numbers.
        SplitError: the rows break a rule of `Split`.
    """
    if not manifest.endswith((".npz", ".json")):
        shipped = shipped_manifests()
        if manifest not in shipped:
            hint = did_you_mean(manifest, shipped)
            raise UserError(
                f"split manifest {shown(manifest)} is not in the package; {hint} A file's name ends in .npz or .json."
            )
        with resources.as_file(shipped[manifest]) as file:
            return _split_from(_read(file), manifest, allow)
    path = expanded(manifest)
    if not is_file(path):
        raise UserError(f"split manifest {path}: there is no such file; correct `manifest:` in the protocol")
    return _split_from(_read(path), str(path), allow)


def _read(path: Path) -> dict[str, np.ndarray]:
    label, advice = f"split manifest {path}", "give arrays of row numbers by role"
    if path.suffix == ".npz":
        return read_npz(path, label=label, advice=advice)
    try:
        content = json.loads(read_text(path, label=label, advice=advice))
        if not isinstance(content, dict):
            raise ValueError("not an object of role: [row numbers]")
        return {str(role): np.asarray(rows) for role, rows in content.items()}
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{label}: cannot be read ({reason}); {advice}") from error


def _split_from(arrays: Mapping[str, np.ndarray], name: str, allow: Mapping[str, int] | None) -> Split:
    _check_roles(arrays, f"split manifest {name}")
    roles = dict(arrays)
    for role, other in OPTIONAL.items():
        if other in roles:
            roles.setdefault(role, roles[other])
    missing = [role for role in ROLES if role not in roles]
    if missing:
        raise UserError(
            f"split manifest {name}: {', '.join(missing)} missing; give at least train, validation and test"
        )
    return Split(**roles, name=name, allow=dict(allow or {}))


def _check_roles(arrays: Mapping[str, np.ndarray], where: str) -> None:
    unknown = sorted(set(arrays) - set(ROLES))
    if unknown:
        raise UserError(f"{where}: unknown role {shown(unknown[0])}. {did_you_mean(unknown[0], ROLES)}")
    for role, rows in arrays.items():
        if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
            raise UserError(f"{where}: {role} is {rows.dtype} {rows.shape}; give a list of whole row numbers")


def _drawn_split(entry: SplitEntry, table: LabelledRows) -> Split:
    fractions = _checked_fractions(entry)
    random, labels = np.random.RandomState(entry.seed % 2**32), table.labels.numpy()
    test, rest = draw_rows(np.arange(len(table)), labels, round(fractions["test"] * len(table)), random)
    validation, train = draw_rows(rest, labels, round(fractions["validation"] * len(table)), random)
    return Split(train, validation, train, train, test, name=f"drawn from {table.name} by fractions")


def _own_split(entry: SplitEntry, table: LabelledRows) -> Split:
    roles = {role: np.asarray(rows) for role, rows in (table.split or {}).items()}
    name = f"that {table.name} brings"
    _check_roles(roles, f"the split {name}")
    missing = [role for role in ("train", "test") if not len(roles.get(role, ()))]
    if missing:
        raise UserError(f"the split {name} has no {' and no '.join(missing)}; add it, or use a split manifest")
    database_given = "database" in roles
    if "validation" not in roles:
        total = round(_checked_fractions(entry)["validation"] * len(roles["train"]))
        random = np.random.RandomState(entry.seed % 2**32)
        roles["validation"], roles["train"] = draw_rows(roles["train"], table.labels.numpy(), total, random)
    if not database_given:
        roles["database"] = roles["train"]
    roles.setdefault("validation_database", roles["database"][~np.isin(roles["database"], roles["validation"])])
    return Split(**roles, name=name, allow=entry.allow)


def _checked_fractions(entry: SplitEntry) -> dict[str, float]:
    fractions = entry.fractions or {}
    if set(fractions) != {"test", "validation"} or min(fractions.values()) <= 0 or sum(fractions.values()) >= 1:
        raise UserError(
            f"split: fractions {fractions} need both test and validation, above 0, less than 1 in sum; "
            "the rest is training"
        )
    return fractions


def _checksum_problems(split: Split, sha256: str) -> list[str]:
    return (
        [] if sha256 == split.checksum else [f"sha256 of the rows is {split.checksum}, the protocol declares {sha256}"]
    )


def _count_problems(split: Split, declared: Mapping[str, int]) -> list[str]:
    return [
        f"{role} has {split.counts.get(role, 0)} rows, the protocol declares {count}"
        for role, count in declared.items()
        if split.counts.get(role) != count
    ]


def _range_problems(split: Split, length: int) -> list[str]:
    largest = {role: int(rows.max()) for role, rows in split.arrays.items()}
    return [f"{role} names row {row}, the table has 0..{length - 1}" for role, row in largest.items() if row >= length]


def _absence_problems(split: Split, table: LabelledRows) -> list[str]:
    """Rows that the table leaves blank, since it was read from a part of the data."""
    present = table.present if isinstance(table, DataTable) else None
    if present is None:
        return []
    absent = {role: int((~np.isin(rows, present)).sum()) for role, rows in split.arrays.items()}
    of_table = f"rows that are not in this part of {table.name}"
    return [f"{role} names {count} {of_table}" for role, count in absent.items() if count]
