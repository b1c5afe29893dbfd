"""The catalogue in force: ours, installed plugins', the working folder's and the command line's, merged.

Sources, in this order: the registry.yaml of hashbench; one registry.yaml for each package named in the entry-point
group `hashbench.plugins`; `hashbench.yaml` in the working folder; every `--plugin PATH`. A name may be given only once.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hashbench.catalog.schema import BackboneEntry, CatalogFile, DatasetEntry, MethodEntry, ProtocolEntry
from hashbench.catalog.yaml_file import read_catalog_file
from hashbench.errors import UserError, did_you_mean

GROUP = "hashbench.plugins"
FILE_NAME = "registry.yaml"
LOCAL_FILE_NAME = "hashbench.yaml"
SECTIONS = ("methods", "backbones", "datasets", "protocols")


@dataclass(frozen=True)
class Source:
    """Where entries come from: a name for people, the file, and whether its folder holds modules to import."""

    name: str
    file: Path
    local: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.file})"


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be read, with the reason in one line."""

    name: str
    reason: str


@dataclass
class Catalog:
    """All that can be named. Sections map a name to its entry; `source` says who brought it."""

    methods: dict[str, MethodEntry] = field(default_factory=dict)
    backbones: dict[str, BackboneEntry] = field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = field(default_factory=dict)
    protocols: dict[str, ProtocolEntry] = field(default_factory=dict)
    sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)

    def add(self, source: Source, file: CatalogFile | None = None) -> None:
        """Merge one file, read already or not.

        Raises:
            UserError: the file is invalid, or brings a name that is there already (both places are named).
        """
        file = file or read_catalog_file(source.file)
        for section in SECTIONS:
            for name in getattr(file, section):
                if (section, name) in self.sources:
                    raise UserError(
                        f"two plugins bring {section[:-1]} {name!r}: {self.sources[section, name]} and {source}; "
                        "rename one of them"
                    )
        for section in SECTIONS:
            for name, entry in getattr(file, section).items():
                getattr(self, section)[name] = entry
                self.sources[section, name] = source

    def method(self, name: str) -> MethodEntry:
        """The entry of a method; a UserError with the nearest names where there is none. So are the other three."""
        return self._find("method", self.methods, name)

    def backbone(self, name: str) -> BackboneEntry:
        return self._find("backbone", self.backbones, name)

    def dataset(self, name: str) -> DatasetEntry:
        return self._find("dataset", self.datasets, name)

    def protocol(self, name: str) -> ProtocolEntry:
        return self._find("protocol", self.protocols, name)

    def _find(self, what: str, section: Mapping[str, Any], name: str) -> Any:
        if name in section:
            return section[name]
        broken = (
            f" Broken plugins: {', '.join(b.name for b in self.broken)} (see hashbench list)." if self.broken else ""
        )
        raise UserError(f"no {what} named {name!r}. {did_you_mean(name, section)}{broken}")

    def load_class(self, section: str, name: str) -> type:
        """Import the class behind a name of a section; this is the moment at which a plugin's code first runs.

        Raises:
            UserError: the module does not import or has no such class, with the reason and the plugin's file.
        """
        entry = self._find(section[:-1], getattr(self, section), name)
        source = self.sources[section, name]
        if source.local and str(source.file.parent) not in sys.path:
            sys.path.insert(0, str(source.file.parent))
        module_name, _, class_name = entry.class_path.partition(":")
        try:
            return getattr(importlib.import_module(module_name), class_name)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may fail in any way while it is imported, or leave
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"{section[:-1]} {name!r} of {source} cannot be imported: {reason}") from error


def own_registry() -> Path:
    """The registry.yaml that ships with hashbench: inside the installed package, or at the root of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / FILE_NAME
    return installed if installed.exists() else package.parent / FILE_NAME


def _entry_point_source(point: EntryPoint) -> Source:
    """The registry.yaml of the package that an entry point names, found without importing the package."""
    spec = importlib.util.find_spec(point.value.partition(":")[0])
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise UserError(f"entry point {point.name} names package {point.value}, which is not installed")
    for folder in map(Path, folders):
        if (folder / FILE_NAME).is_file():
            return Source(point.name, folder / FILE_NAME)
    raise UserError(f"package {point.value} has no {FILE_NAME} (looked in {folders[0]})")


def _local_source(path: Path) -> Source:
    """A --plugin PATH: a YAML file, or a folder that holds registry.yaml or hashbench.yaml."""
    if path.is_dir():
        for name in (FILE_NAME, LOCAL_FILE_NAME):
            if (path / name).is_file():
                path = path / name
                break
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file, and no folder with {FILE_NAME} or {LOCAL_FILE_NAME}")
    return Source(path.name if path.name != FILE_NAME else path.parent.name, path.resolve(), local=True)


def load_catalog(plugins: Iterable[Path] = (), folder: Path | None = None) -> Catalog:
    """Read every source. Imports no plugin.

    Args:
        plugins: files or folders given with --plugin.
        folder: where a hashbench.yaml is looked for; the working folder by default.

    Raises:
        UserError: our own or a local file is invalid, or two sources bring one name. An installed plugin whose file is
            missing or invalid is put in `broken` and nothing else is affected.
    """
    catalog = Catalog()
    catalog.add(Source("hashbench", own_registry()))
    for point in sorted(_entry_points(), key=lambda p: p.name):
        try:
            source = _entry_point_source(point)
            file = read_catalog_file(source.file)
        except (UserError, ImportError, ValueError) as error:
            catalog.broken.append(BrokenPlugin(point.name, str(error)))
            continue
        catalog.add(source, file)
    local = (folder or Path.cwd()) / LOCAL_FILE_NAME
    if local.is_file():
        catalog.add(Source(LOCAL_FILE_NAME, local.resolve(), local=True))
    for path in plugins:
        catalog.add(_local_source(Path(path)))
    return catalog


@lru_cache(maxsize=1)
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
