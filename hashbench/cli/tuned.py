"""`--tuned FOLDER` or `FILE`: runs with the best setting of a study, marked with the number of trials that it took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.cli.run_options import RunOptions
from hashbench.errors import UserError, cut, listed

if TYPE_CHECKING:
    from hashbench.catalog import Catalog
    from hashbench.catalog.request import RunSpec
    from hashbench.tuning.study import Study

Key = tuple[str, str, int]
"""Name of a method with its preset, protocol without version, code length."""


class TunedSettings:
    """The studies of a command: every run takes the one of its method and preset, its protocol and its code length.

    Args:
        places: files of `hashbench tune`, and folders of them.

    Raises:
        UserError: a file that is no study or has no finished trial, a folder without any, or two studies of one thing.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        from hashbench.tuning.study import load_study

        self.places = places
        self._studies: dict[Key, list[tuple[Path, Study]]] = {}
        for path in _files(places):
            study = load_study(path)
            study.best()
            self._studies.setdefault(_key(study), []).append((path, study))

    def resolve(
        self, options: RunOptions, catalog: Catalog, *, method: str, preset: str | None, **request: Any
    ) -> RunSpec:
        """As `RunOptions.resolve`, with the best setting of the run's study where the command names studies.

        Raises:
            UserError: there is no study of this run, or two, or one under another version or other fields of the
                protocol; or `--set` of a hyper-parameter beside it.
        """
        from hashbench.catalog.set_words import hyper_parameters

        if not self.places:
            return options.resolve(catalog, method=method, preset=preset, **request)
        plain = options.resolve(catalog, method=method, preset=preset, **request)
        path, study = self._study_of(plain, method if preset in (None, "default") else f"{method}@{preset}")
        sets = options.sets or []
        if own := hyper_parameters(sets):
            raise UserError(f"--set {own[0]}: the hyper-parameters come from --tuned {path}; give one of the two")
        _check_protocol(path, study, plain)
        return options.resolve(
            catalog,
            method=method,
            preset=study.preset,
            sets=[*sets, *study.best_sets()],
            trials=len(study.trials),
            tuned_on={name: checksum for name, checksum in study.content.items() if checksum},
            **request,
        )

    def _study_of(self, spec: RunSpec, name: str) -> tuple[Path, Study]:
        from hashbench.catalog.schema import unversioned

        key = name, unversioned(spec.protocol), spec.bits
        found = self._studies.get(key, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"--tuned {found[1][0]} and {found[0][0]}: two studies of {_words(key)}; name one of them")
        where = " ".join(str(place) for place in self.places)
        raise UserError(
            f"--tuned {cut(where, 60)}: no study of {_words(key)}. {self._there_are(key)}. Tune it, or run it without "
            "--tuned"
        )

    def _there_are(self, wanted: Key) -> str:
        """The studies at hand, those of the same method first."""
        keys = sorted(self._studies, key=lambda key: (key[0] != wanted[0], key[1] != wanted[1], key))
        shown = "; ".join(_words(key) for key in keys[:3])
        return "There are: " + cut(shown, 110) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


def _files(places: Iterable[Path]) -> list[Path]:
    """The files themselves, and all studies below the folders."""
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        below = sorted(path for path in place.rglob("*.json") if not path.name.startswith("."))
        if not below:
            raise UserError(f"--tuned {place}: no study in this folder: make one with `hashbench tune --out {place}`")
        found += below
    return list({path.resolve(): path for path in found}.values())


def _key(study: Study) -> Key:
    from hashbench.catalog.schema import unversioned

    return study.name, unversioned(study.run["protocol"]), study.run["bits"]


def _words(key: Key) -> str:
    name, protocol, bits = key
    return f"{name} with {bits} bits under {protocol}"


def _check_protocol(path: Path, study: Study, spec: RunSpec) -> None:
    """A setting is used where it was found: other data, another recipe or another version may want another one."""
    from pydantic import ValidationError

    from hashbench.catalog.schema import ProtocolEntry
    from hashbench.results.flat import flatten

    try:
        then = flatten(ProtocolEntry.from_dump(study.run["settings"]).model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"--tuned {path}: run.settings: {cut(where, 60)}: {cut(first['msg'], 80)}: tune {study.method} again"
        ) from error
    now = flatten(spec.settings.model_dump())
    differing = [name for name in now | then if now.get(name) != then.get(name)]
    if "version" in differing:
        raise UserError(
            f"--tuned {path}: a study of version {then['version']} of {spec.protocol}, and this run is of version "
            f"{now['version']}: tune it under this one"
        )
    if differing:
        raise UserError(
            f"--tuned {path}: its {cut(listed(differing), 80)} is not that of this run, which would be tested by "
            "settings chosen under another protocol: tune it under this one, or give the options of the study"
        )
