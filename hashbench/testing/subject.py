"""What is checked: a method by its name in the catalogue, and how to build it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog, MethodEntry, load_catalog
from hashbench.catalog.request import RunSpec, resolve
from hashbench.paths import real

GIVEN = {"deep": ("bits", "num_classes", "num_train"), "shallow": ("bits", "random_state")}
"""Constructor arguments that the harness fills in; all others are hyper-parameters."""


@dataclass(frozen=True)
class Subject:
    """A method under check.

    Attributes:
        name: in the catalogue.
        catalog: what the name is looked up in; read from `plugins`, `folder` and `imports` as by `load_catalog`.
    """

    name: str
    catalog: Catalog = field(repr=False)
    plugins: tuple[Path, ...] = ()
    folder: Path | None = None
    imports: tuple[Path, ...] = ()

    @classmethod
    def load(
        cls,
        name: str,
        plugins: Iterable[Path | str] = (),
        folder: Path | None = None,
        imports: Iterable[Path | str] = (),
    ) -> Subject:
        """Find a method and import its class.

        Raises:
            UserError: no such name, or a class that cannot be imported.
        """
        (subject,) = cls.load_all([name], plugins, folder, imports)
        return subject

    @classmethod
    def load_all(
        cls,
        names: Iterable[str],
        plugins: Iterable[Path | str],
        folder: Path | None,
        imports: Iterable[Path | str] = (),
    ) -> list[Subject]:
        """As `load`, for several methods of one catalogue."""
        paths, folder = tuple(map(real, plugins)), real(folder or Path.cwd())
        catalog = load_catalog(paths, folder, [Path(path) for path in imports])
        subjects = [cls(name, catalog, paths, folder, catalog.imports) for name in names]
        for subject in subjects:
            catalog.load_class("methods", subject.name, of_any_kind=True)
        return subjects

    @cached_property
    def entry(self) -> MethodEntry:
        """What the registry says."""
        return self.catalog.method(self.name)

    @cached_property
    def method_class(self) -> type[Any]:
        """The class behind the name."""
        return self.catalog.load_class("methods", self.name, of_any_kind=True)

    @property
    def arguments(self) -> dict[str, inspect.Parameter]:
        """The constructor's parameters without `self`."""
        parameters = inspect.signature(self.method_class.__init__).parameters
        return {name: parameter for number, (name, parameter) in enumerate(parameters.items()) if number}

    @property
    def hparams(self) -> dict[str, inspect.Parameter]:
        """The constructor's hyper-parameters: what the harness does not fill in."""
        return {name: p for name, p in self.arguments.items() if name not in GIVEN[self.entry.kind]}

    @property
    def defaults(self) -> dict[str, Any]:
        """Hyper-parameters as a run without any `--set` has them."""
        return self.catalog.defaults("methods", self.name)

    @property
    def quick_hparams(self) -> dict[str, Any]:
        """The defaults, with the changes by which a class says (`check_hparams`) that it is quick on few samples."""
        return self.defaults | getattr(self.method_class, "check_hparams", {})

    def configuration(self, preset: str | None = None, sets: Sequence[str] = (), bits: int = 8) -> RunSpec:
        """What `hashbench run` would build the method with: hparams, optimizer and schedule."""
        return resolve(self.catalog, method=self.name, preset=preset, sets=sets, bits=bits, out=Path())
