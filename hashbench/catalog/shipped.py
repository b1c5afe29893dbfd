"""Studies that are shipped beside a registry.yaml: settings that a search found, for one protocol and one code length.

They lie in `studies/PROTOCOL/METHOD-16bit.json` beside the registry.yaml that names the method, as `hashbench tune`
wrote them, and are presets of it: `--preset tuned`, or by the full name `PROTOCOL-16bit-24trials`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashbench.catalog.catalog import Catalog
from hashbench.catalog.schema import ProtocolEntry, unversioned
from hashbench.errors import UserError, cut, shown
from hashbench.plain import json_values, read_bytes

TUNED = "tuned"
"""The preset that every method has where a study of it is shipped."""
_FULL_NAME = re.compile(r".+-[0-9]+bit-[0-9]+trials")


@dataclass(frozen=True)
class ShippedStudy:
    """What a search found.

    Attributes:
        method, protocol, bits: what it is of; the protocol without its version.
        settings: all fields of the protocol.
        trials: how many settings were tried.
        score: the best validation value.
        values: hyper-parameters of the best of them beyond the method's defaults.
        content: checksums of the data and the split on which it was found.
        path: the file.
    """

    method: str
    protocol: str
    bits: int
    settings: ProtocolEntry
    trials: int
    score: float
    values: dict[str, Any]
    content: dict[str, str]
    path: Path

    @property
    def name(self) -> str:
        """The preset's full name."""
        return f"{self.protocol}-{self.bits}bit-{self.trials}trials"


def is_shipped_name(preset: str) -> bool:
    """Whether a preset is of a shipped study, by its form."""
    return preset == TUNED or _FULL_NAME.fullmatch(preset) is not None


def shipped_studies(catalog: Catalog, method: str) -> list[ShippedStudy]:
    """The studies shipped with a method, by protocol and bits.

    Raises:
        UserError: a file that is no study.
    """
    source = catalog.sources["methods", method]
    folder = source.file.parent / "studies" if source.file else None
    if folder is None or not folder.is_dir():
        return []
    found = [_read(path) for path in sorted(folder.glob(f"*/{method}-*bit.json"))]
    return sorted(found, key=lambda study: (study.protocol, study.settings.version, study.bits))


def shipped_study(
    catalog: Catalog, method: str, preset: str, protocol: str, settings: ProtocolEntry, bits: int
) -> ShippedStudy:
    """The study behind a preset, for a run under this protocol with so many bits.

    Args:
        settings: the protocol's fields, with what the command line changes.

    Raises:
        UserError: none fits; says which there are.
    """
    known = shipped_studies(catalog, method)
    named = [study for study in known if preset in (TUNED, study.name)]
    asked = unversioned(protocol), bits
    here = [study for study in named if (study.protocol, study.bits) == asked]
    for study in here:
        if study.settings.model_dump() == settings.model_dump():
            return study
    there = "There are: " + ", ".join(f"{study.name} (version {study.settings.version})" for study in known)
    there = cut(there, 110) if known else "None is shipped"
    if not here:
        raise UserError(
            f"method {method} has no preset {shown(preset)} for {bits} bits under {unversioned(protocol)}. {there}"
        )
    then, now = here[-1].settings.model_dump(), settings.model_dump()
    if then["version"] != now["version"]:
        raise UserError(
            f"method {method}, preset {shown(preset)}: found under version {then['version']} of {here[-1].protocol}, "
            f"and this run is of version {now['version']}. {there}"
        )
    changed = ", ".join(name for name in now | then if now.get(name) != then.get(name))
    raise UserError(
        f"method {method}, preset {shown(preset)}: found under {here[-1].protocol} as it is, and this run has another "
        f"{cut(changed, 60)}: leave that, or tune the method under it"
    )


def _read(path: Path) -> ShippedStudy:
    """What this module needs of a study; `hashbench.tuning.study` knows all of it."""
    try:
        study = json_values(read_bytes(path).decode())
        run, scored = study["run"], [trial for trial in study["trials"] if trial.get("score") is not None]
        best = max(scored, key=lambda trial: trial["score"])
        return ShippedStudy(
            method=study["method"],
            protocol=unversioned(run["protocol"]),
            bits=int(run["bits"]),
            settings=ProtocolEntry.from_dump(run["settings"]),
            trials=len(study["trials"]),
            score=float(best["score"]),
            values=_values(study["sets"], best["values"]),
            content={name: checksum for name, checksum in study["content"].items() if checksum},
            path=path,
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: a shipped study that cannot be read ({cut(str(error), 80)})") from error


def _values(sets: list[str], best: Mapping[str, Any]) -> dict[str, Any]:
    from hashbench.catalog.request import parse_sets

    return parse_sets(sets) | dict(best)
