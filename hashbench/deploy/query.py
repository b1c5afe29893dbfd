"""What a person names as a query: a row of the data set, a place in a role, an image file or a feature vector."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hashbench.data import DataTable
from hashbench.data.decode import decode
from hashbench.errors import UserError
from hashbench.npz import read_npy
from hashbench.paths import expanded, is_file
from hashbench.protocol import Roles

_PLACE = re.compile(r"(?:(train|validation|database|test):)?(-?\d+)")
_LUMA = np.array([0.299, 0.587, 0.114])


class Query(NamedTuple):
    """`inputs` is one row as the table stores them, (1, ...); `row` its number there, None for a file."""

    text: str
    inputs: Tensor
    row: int | None


def read_query(text: str, table: DataTable, roles: Roles, *, upright: bool = False) -> Query:
    """Find or read a query.

    Args:
        text: `123`, a row of the data set; `test:5`, the row in place 5 of a role (test, database, train or
            validation); an image file; for feature data sets an .npy file of one vector. Images are brought to the size
            and channels of the data set's: the central square, resized.
        table, roles: of the run, with the test queries unsealed.
        upright: turn an image file as its EXIF orientation says, as the data set's images were.

    Raises:
        UserError: a row out of range, no such file, an image that cannot be read, a vector that does not fit.
    """
    place = _PLACE.fullmatch(text)
    if place:
        row = _row(text, place[1], int(place[2]), table, roles)
        return Query(text, table.inputs[row : row + 1], row)
    file = expanded(text)
    if not is_file(file):
        raise UserError(
            f"--query {text}: there is no such file; give one, a row such as 123, or a place in a role such as test:5"
        )
    values = _image(text, file, table, upright) if table.kind == "image" else _vector(text, file, table)
    return Query(text, torch.from_numpy(values)[None], None)


def _row(text: str, role: str | None, place: int, table: DataTable, roles: Roles) -> int:
    rows = getattr(roles, role) if role else range(len(table))
    if not 0 <= place < len(rows):
        what = f"role {role}" if role else f"data set {table.name}"
        raise UserError(f"--query {text}: {what} has rows 0 to {len(rows) - 1}")
    row = int(rows[place])
    if table.present is not None and row not in table.present:
        raise UserError(f"--query {text}: row {row} is not in this part of {table.name}; give one of a role: test:0")
    return row


def _image(text: str, file: Path, table: DataTable, upright: bool) -> np.ndarray:
    """(C, H, W) uint8, as an image of the table."""
    channels, height, width = table.inputs.shape[1:]
    if height != width:
        raise UserError(f"--query {text}: images of {table.name} are not square; give a row of the data set instead")
    decoded = decode(file, height, upright=upright)
    pixels = decoded.pixels
    if pixels is None:
        raise UserError(f"--query {text}: not a readable image ({decoded.fault}); give a PNG, JPEG, WebP, ... file")
    if channels == 1:
        pixels = np.rint(np.tensordot(_LUMA, pixels, 1)).astype(np.uint8)[None]
    elif channels != 3:
        raise UserError(f"--query {text}: images of {table.name} have {channels} channels; give a row instead")
    return pixels


def _vector(text: str, file: Path, table: DataTable) -> np.ndarray:
    """(d,) float32."""
    width = table.inputs.shape[1]
    advice = f"{table.name} holds features: give one vector of {width} as .npy"
    vector = read_npy(file, label=f"--query {text}", advice=advice)
    if vector.dtype.kind not in "biuf" or vector.shape not in ((width,), (1, width)):
        found = f"{vector.dtype} {vector.shape}"
        raise UserError(f"--query {text}: holds {found}; features of {table.name} are one vector of {width} numbers")
    vector = vector.reshape(width).astype(np.float32)
    if not np.isfinite(vector).all():
        raise UserError(f"--query {text}: holds NaN or infinity (float32); give finite numbers")
    return vector
