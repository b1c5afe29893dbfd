"""Where a run lies, `<out>/<protocol>/<method>/<bits>bit/seed<k>/`, and what the files in it are called.

Names only: they are read and written by `hashbench.results.folder.RunFolder`.
"""

from __future__ import annotations

import re
from pathlib import Path

from hashbench.errors import UserError, shown
from hashbench.results.record import DEFAULT_PRESET

RESULT = "result.json"
SPEC = "spec.json"
CODES = "codes.npz"
PER_QUERY = "per_query.npz"
CONFIG = "config.py"
LOG = "log.txt"
CHECKPOINTS = "checkpoints"
CURVES = "vis"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]*")


def protocol_dir_name(protocol: str, fingerprint: str, *, ambiguous: bool) -> str:
    """Folder of a protocol: its name, with the start of the fingerprint where the name alone does not say which."""
    return f"{protocol}-{fingerprint[:8]}" if ambiguous else protocol


def method_dir_name(method: str, preset: str | None = None) -> str:
    """Folder of a method: its name, with `@` and the preset's label where it is not the default."""
    return method if preset in (None, "", DEFAULT_PRESET) else f"{method}@{preset}"


def place(protocol_dir: str, method_dir: str, bits: int, seed: int) -> str:
    """Where a run lies below the root of all runs.

    Raises:
        UserError: a name that is no plain folder name.
    """
    for name in (protocol_dir, method_dir):
        if not _NAME.fullmatch(name):
            raise UserError(f"{shown(name)} cannot be the name of a folder: use letters, digits and _ . @ + = - only.")
    return _joined(protocol_dir, method_dir, bits, seed)


def place_pattern(protocol: str, method: str, bits: int, seed: int) -> str:
    """Glob of all places of a protocol and a method; it finds some of others too, see `is_place_of`."""
    return _joined(f"{protocol}*", f"{method}*", bits, seed)


def is_place_of(folder: Path, protocol: str, method: str) -> bool:
    """Whether a run's folder is one of this protocol and method, whatever the preset and the fingerprint."""
    method_dir, protocol_dir = folder.parents[1].name, folder.parents[2].name
    perhaps_changed = re.compile(re.escape(protocol) + "(-[0-9a-f]{8})?")
    return bool(perhaps_changed.fullmatch(protocol_dir)) and method_dir.partition("@")[0] == method


def root_of(folder: Path) -> Path:
    """Root of all runs, which a run's folder lies four folders below."""
    if len(folder.parents) < 4:
        folder = folder.absolute()
    return folder.parents[min(3, len(folder.parents) - 1)]


def _joined(protocol_dir: str, method_dir: str, bits: int, seed: int) -> str:
    return f"{protocol_dir}/{method_dir}/{bits}bit/seed{seed}"
