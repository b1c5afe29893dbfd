"""The arrays that `hashbench evaluate` measures: of one file, or each of a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hashbench.errors import UserError
from hashbench.npz import open_npz, read_npy

if TYPE_CHECKING:
    import numpy as np

ARRAYS = ("query_codes", "database_codes", "query_labels", "database_labels")
BITS = "bits"
_READ_WHOLE = (".mat", ".h5", ".hdf5")


class CodeArrays(NamedTuple):
    """What was read.

    Attributes:
        arrays: by the names of `ARRAYS`.
        bits: as the file says it, where it does.
    """

    arrays: dict[str, np.ndarray]
    bits: np.ndarray | None


def read_code_arrays(file: Path | None, given: Mapping[str, str | None], *, one_set: bool) -> CodeArrays:
    """Read codes and labels.

    Args:
        file: .npz, .mat or .h5 that holds what is not a file of its own; None where nothing is left.
        given: of `ARRAYS`, those with another name in the file, or a .npy file of their own; None for the rest.
        one_set: the queries are the database: what is given of one stands for both.

    Raises:
        UserError: a file cannot be read, or an array is missing.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if one_set:
        named = _for_both(named)
    advice = f"give {', '.join(ARRAYS)} in one .npz, .mat or .h5 file, or each as a .npy file by its option"
    apart = {name: Path(value).expanduser() for name, value in named.items() if value.lower().endswith(".npy")}
    wanted = {name: named.get(name, name) for name in ARRAYS if name not in apart}
    read: dict[Path, np.ndarray] = {}
    for path in apart.values():
        if path not in read:
            read[path] = read_npy(path, advice="give one array as numpy.save writes it")
    found = {name: read[path] for name, path in apart.items()}
    if file is None:
        if wanted:
            missing = ", ".join(f"--{name.replace('_', '-')}" for name in wanted)
            raise UserError(f"evaluate: {missing} missing; {advice}")
        return CodeArrays(found, None)
    held = _read(file, wanted, one_set, advice)
    bits = held.pop(BITS, None)
    return CodeArrays({name: found[name] if name in found else held[name] for name in ARRAYS}, bits)


def _for_both(named: Mapping[str, str]) -> dict[str, str]:
    """The names with those of the queries for the database, and the other way round, where only one is given."""
    both = dict(named)
    for what in ("codes", "labels"):
        query, database = f"query_{what}", f"database_{what}"
        for one, other in ((query, database), (database, query)):
            if one in named and other not in named:
                both[other] = named[one]
    return both


def _read(file: Path, wanted: Mapping[str, str], one_set: bool, advice: str) -> dict[str, np.ndarray]:
    """Arrays of the file by the names of `ARRAYS`, and `bits` where it is there; each is read once."""
    if file.suffix.lower() in _READ_WHOLE:
        from hashbench.data.array_file import read_arrays  # which brings scipy

        arrays = read_arrays(file, label="evaluate", option="its path")
        names = _names(file, list(arrays), wanted, one_set, advice)
        return {name: arrays[held] for name, held in names.items()}
    with open_npz(file, advice=advice) as opened:
        names = _names(file, opened.names, wanted, one_set, advice)
        read = {held: opened.read(held) for held in dict.fromkeys(names.values())}
    return {name: read[held] for name, held in names.items()}


def _names(file: Path, held: list[str], wanted: Mapping[str, str], one_set: bool, advice: str) -> dict[str, str]:
    """What the arrays are called in the file."""
    names = dict(wanted)
    if one_set:
        for name, called in wanted.items():
            what = name.rpartition("_")[2]
            others = [called, f"query_{what}", f"database_{what}", what]
            names[name] = next((other for other in others if other in held), called)
    missing = dict.fromkeys(called for called in names.values() if called not in held)
    if missing:
        shown = ", ".join(held[:20]) or "nothing"
        raise UserError(f"{file}: it lacks {', '.join(missing)}; there is {shown}; {advice}")
    return names | ({BITS: BITS} if BITS in held else {})
