"""The catalogue in force: ours, installed plugins', the working folder's and the command line's, merged.

Sources, in this order: the registry.yaml of hashbench; one registry.yaml for each package named in the entry-point
group `hashbench.plugins`; `hashbench.yaml` in the working folder; every `--plugin PATH`; what decorators have
registered in this process, those in the files of `--import FILE` among them. A name may be given only once.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from hashbench.catalog.constructor import REQUIRED, Arguments, arguments_in_source, arguments_of
from hashbench.catalog.contract import breach
from hashbench.catalog.imports import import_file
from hashbench.catalog.registered import Registered, entry_of, registered
from hashbench.catalog.schema import (
    ENTRIES,
    BackboneEntry,
    CatalogFile,
    DatasetEntry,
    ExecutorEntry,
    MethodEntry,
    MetricEntry,
    OptimizerEntry,
    ProtocolEntry,
    ScheduleEntry,
)
from hashbench.catalog.yaml_file import read_catalog_file
from hashbench.errors import UserError, did_you_mean, listed, shown
from hashbench.evaluation.metrics import TABLE
from hashbench.paths import is_dir, is_file, real
from hashbench.process import search_for_modules

GROUP = "hashbench.plugins"
FILE_NAME = "registry.yaml"
LOCAL_FILE_NAME = "hashbench.yaml"
SECTIONS = tuple(ENTRIES)

_GIVEN = {
    "methods": {"bits", "num_classes", "num_train", "random_state"},
    "backbones": {"in_channels", "in_features", "pretrained"},
    "datasets": {"root"},
    "optimizers": {"params"},
    "schedules": {"optimizer", "epochs", "steps_per_epoch"},
    "executors": {"jobs", "device"},
}
"""Arguments that the harness fills in; all others are hyper-parameters, options of a data set, ..."""


@dataclass(frozen=True)
class Source:
    """Where entries come from: a name for people, the file, and whether its folder holds modules to import.

    Attributes:
        file: None for what a notebook has decorated.
    """

    name: str
    file: Path | None
    local: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.file})" if self.file else self.name

    @property
    def folder(self) -> Path | None:
        """Where the classes of a local file are looked for."""
        return self.file.parent if self.local and self.file else None


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be read, with the reason in one line."""

    name: str
    reason: str


@dataclass
class Catalog:
    """All that can be named. Sections map a name to its entry; `sources` says who brought it.

    Attributes:
        imports: files whose decorators have registered something, for other processes that must know it too.
    """

    methods: dict[str, MethodEntry] = field(default_factory=dict)
    backbones: dict[str, BackboneEntry] = field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = field(default_factory=dict)
    protocols: dict[str, ProtocolEntry] = field(default_factory=dict)
    optimizers: dict[str, OptimizerEntry] = field(default_factory=dict)
    schedules: dict[str, ScheduleEntry] = field(default_factory=dict)
    metrics: dict[str, MetricEntry] = field(default_factory=dict)
    executors: dict[str, ExecutorEntry] = field(default_factory=dict)
    sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)
    imports: tuple[Path, ...] = ()
    _decorated: dict[tuple[str, str], Registered] = field(default_factory=dict)

    def add(self, source: Source, file: CatalogFile | None = None) -> None:
        """Merge one file, read already or not.

        Raises:
            UserError: the file is invalid, or brings a name that is there already (both places are named).
        """
        if file is None:
            assert source.file is not None
            file = read_catalog_file(source.file)
        for section in SECTIONS:
            for name in getattr(file, section):
                if (section, name) in self.sources:
                    raise UserError(
                        f"two plugins bring {section[:-1]} {shown(name)}: {self.sources[section, name]} and {source}; "
                        "rename one of them"
                    )
        for section in SECTIONS:
            for name, entry in getattr(file, section).items():
                getattr(self, section)[name] = entry
                self.sources[section, name] = source

    def add_registered(self, one: Registered) -> None:
        """Merge what a decorator has registered. An entry that names the same class keeps its words.

        Raises:
            UserError: another class has the name already.
        """
        key = one.section, one.name
        if key in self.sources and self._decorated.get(key) is None:
            entry = self.section(one.section)[one.name]
            if entry.class_path != one.class_path:
                raise UserError(
                    f"two plugins bring {one.section[:-1]} {shown(one.name)}: {self.sources[key]} and {one}; "
                    "rename one of them"
                )
        else:
            self.section(one.section)[one.name] = entry_of(one)
            self.sources[key] = Source(one.target.__module__, one.file)
        self._decorated[key] = one

    def section(self, name: str) -> dict[str, Any]:
        """Name -> entry of one section: `methods`, `backbones`, ..."""
        return getattr(self, name)

    def method(self, name: str) -> MethodEntry:
        """The entry of a method; a UserError with the nearest names where there is none. So are the others."""
        return self.find("methods", name)

    def backbone(self, name: str) -> BackboneEntry:
        return self.find("backbones", name)

    def dataset(self, name: str) -> DatasetEntry:
        return self.find("datasets", name)

    def protocol(self, name: str) -> ProtocolEntry:
        return self.find("protocols", name)

    def find(self, section: str, name: str) -> Any:
        """The entry of a name.

        Raises:
            UserError: there is none; with the nearest names, and the plugins that could not be read.
        """
        entries = self.section(section)
        if name in entries:
            return entries[name]
        broken = f" Broken plugins: {listed(b.name for b in self.broken)} (see hashbench list)." if self.broken else ""
        every = f"hashbench list {section}"
        raise UserError(f"no {section[:-1]} named {shown(name)}. {did_you_mean(name, entries, every)}{broken}")

    def load_class(self, section: str, name: str, *, of_any_kind: bool = False) -> Any:
        """Import the class (or function) behind a name; this is the moment at which a plugin's code first runs.

        Args:
            of_any_kind: whether what is no method, no data set, ... is given too: to a check that reports it.

        Raises:
            UserError: the module does not import, has no such class, or the class is none of the kind, with the reason
                and the plugin's file.
        """
        entry = self.find(section, name)
        if (section, name) in self._decorated:
            return self._decorated[section, name].target
        source = self.sources[section, name]
        if source.folder is not None:
            search_for_modules(source.folder)
        module_name, _, class_name = entry.class_path.partition(":")
        try:
            target = getattr(importlib.import_module(module_name), class_name)
        except (UserError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # a plugin may fail in any way while it is imported, or leave
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"{section[:-1]} {shown(name)} of {source} cannot be imported: {reason}") from error
        if not of_any_kind and (wrong := breach(section, entry, target)):
            raise UserError(f"{section[:-1]} {shown(name)} of {source}: {wrong}")
        return target

    def import_metrics(self) -> list[str]:
        """Import the metrics of all plugins, whose decorators put them into `hashbench.evaluation.metrics`.

        Returns:
            One line for each that an installed plugin fails to bring.

        Raises:
            UserError: the same of what was asked for by --plugin, --import or a hashbench.yaml.
        """
        problems = []
        for name in self.metrics:
            source = self.sources["metrics", name]
            try:
                self.load_class("metrics", name)
                if not any(name in (metric.name, metric.key) for metric in TABLE.values()):
                    raise UserError(
                        f"metric {shown(name)} of {source}: {self.metrics[name].class_path} is not decorated: write "
                        f"@METRICS.register_module({shown(name)}) above it"
                    )
            except UserError as error:
                if source.local:
                    raise
                problems.append(str(error))
        return problems

    def arguments(self, section: str, name: str) -> Arguments:
        """What can be set of a name: the constructor's arguments but those that the harness fills in.

        Read off the source where that says it, so that nothing heavy is imported; errors as of `load_class`.
        """
        entry, source = self.find(section, name), self.sources[section, name]
        found = None
        if (section, name) not in self._decorated:
            found = arguments_in_source(entry.class_path, source.folder)
        if found is None:
            target = self.load_class(section, name)
            try:
                found = arguments_of(target)
            except (TypeError, ValueError) as error:  # of what is written in C, Python does not know them
                raise UserError(f"{section[:-1]} {shown(name)} of {source}: its arguments cannot be read") from error
        given = _GIVEN.get(section, set())
        return {argument: value for argument, value in found.items() if argument not in given}

    def defaults(self, section: str, name: str) -> dict[str, Any]:
        """The value of everything that can be set of a name: the constructor's defaults, with the entry's changes.

        Errors as of `load_class`.
        """
        arguments = self.arguments(section, name)
        known = {key: one.default for key, one in arguments.items() if one.default is not REQUIRED}
        return known | getattr(self.find(section, name), "hparams", {})


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
        if is_file(folder / FILE_NAME):
            return Source(point.name, folder / FILE_NAME)
    raise UserError(f"package {point.value} has no {FILE_NAME} (looked in {folders[0]})")


def _local_source(path: Path) -> Source:
    """A --plugin PATH: a YAML file, or a folder that holds registry.yaml or hashbench.yaml."""
    if is_dir(path):
        for name in (FILE_NAME, LOCAL_FILE_NAME):
            if is_file(path / name):
                path = path / name
                break
    if not is_file(path):
        raise UserError(f"--plugin {path}: no such file, and no folder with {FILE_NAME} or {LOCAL_FILE_NAME}")
    return Source(path.name if path.name != FILE_NAME else path.parent.name, path.resolve(), local=True)


def load_catalog(plugins: Iterable[Path] = (), folder: Path | None = None, imports: Iterable[Path] = ()) -> Catalog:
    """Read every source. Imports no plugin, but the files of `imports`.

    Args:
        plugins: files or folders given with --plugin.
        folder: where a hashbench.yaml is looked for; the working folder by default.
        imports: Python files given with --import.

    Raises:
        UserError: our own or a local file is invalid, a file does not import, or two sources bring one name. An
            installed plugin whose file is missing or invalid is put in `broken` and nothing else is affected.
    """
    catalog = Catalog()
    own = Source("hashbench", own_registry())
    catalog.add(own, _with_metrics(read_catalog_file(own_registry())))
    for point in sorted(_entry_points(), key=lambda p: p.name):
        try:
            source = _entry_point_source(point)
            assert source.file is not None
            file = read_catalog_file(source.file)
        except (UserError, ImportError, ValueError) as error:
            catalog.broken.append(BrokenPlugin(point.name, str(error)))
            continue
        catalog.add(source, file)
    local = (folder or Path.cwd()) / LOCAL_FILE_NAME
    if is_file(local):
        catalog.add(Source(LOCAL_FILE_NAME, local.resolve(), local=True))
    for path in plugins:
        catalog.add(_local_source(Path(path)))
    for path in imports:
        import_file(Path(path))
    for one in registered():
        catalog.add_registered(one)
    files = [*(real(path) for path in imports), *(one.file for one in registered() if one.file is not None)]
    catalog.imports = tuple(dict.fromkeys(files))
    return catalog


def _with_metrics(file: CatalogFile) -> CatalogFile:
    """Our own registry.yaml, with the metrics that `hashbench.evaluation.metrics` brings."""
    metrics = {
        entry.key: MetricEntry.model_validate({"class": entry.path, "title": entry.title})
        for entry in TABLE.values()
        if entry.is_ours
    }
    return file.model_copy(update={"metrics": metrics})


@lru_cache(maxsize=1)
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
