"""From `--executor`, `--executor-option` and `--jobs` to an executor; what is wrong there is found before any work."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hashbench.catalog import Catalog
from hashbench.errors import UserError, did_you_mean
from hashbench.sweeps.executors.base import Executor

_GIVEN = ("jobs", "device")
_METHODS = ("start", "wait", "__enter__", "__exit__")


@dataclass(frozen=True)
class ExecutorChoice:
    """An executor that can be made.

    Attributes:
        name: in the catalogue.
        cls: its class.
        jobs: tasks at a time; None: as many as fit.
        options: the rest of its constructor's arguments.
    """

    name: str
    cls: type[Executor]
    jobs: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def make(self, device: str = "auto") -> Executor:
        """The executor for runs on a device.

        Raises:
            UserError: whatever its constructor finds wrong.
        """
        try:
            return self.cls(jobs=self.jobs, device=device, **self.options)  # type: ignore[call-arg]
        except UserError:
            raise
        except (TypeError, ValueError) as error:  # what constructors say of a wrong value
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"--executor {self.name}: {reason}") from error


def choose_executor(
    catalog: Catalog, name: str = "local", options: Mapping[str, Any] | None = None, jobs: int | None = None
) -> ExecutorChoice:
    """Check a request for an executor; nothing is started.

    Args:
        name: of an executor in the catalogue.
        options: of `--executor-option`: arguments of its constructor.
        jobs: tasks at a time; None: as many as fit.

    Raises:
        UserError: an unknown name or option, an option left out that has no default, no job at all, or a class that
            does not import or is no executor.
    """
    cls = executor_class(catalog, name)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: at least one is needed")
    options = dict(options or {})
    _check_options(name, cls, options)
    return ExecutorChoice(name, cls, jobs, options)


def executor_class(catalog: Catalog, name: str) -> type[Executor]:
    """The class of an executor.

    Raises:
        UserError: no such name, or a class that does not import or is no executor.
    """
    cls = catalog.load_class("executors", name)
    missing = [method for method in _METHODS if not callable(getattr(cls, method, None))]
    if not isinstance(cls, type) or missing:
        lacks = f": it has no {' and no '.join(missing)}" if missing else ""
        raise UserError(
            f"--executor {name}: {catalog.executors[name].class_path} is no executor{lacks}; "
            "derive it from hashbench.sweeps.executors.Executor"
        )
    return cls


def _check_options(name: str, cls: type[Executor], options: Mapping[str, Any]) -> None:
    """Hold the options against the constructor's signature."""
    parameters = inspect.signature(cls).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    named = {
        key: parameter
        for key, parameter in parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    if not takes_any and not named.keys() >= set(_GIVEN):
        raise UserError(f"--executor {name}: the constructor of {cls.__qualname__} must take jobs and device")
    known = [key for key in named if key not in _GIVEN]
    for key in options:
        if key in _GIVEN:
            raise UserError(f"--executor-option {key}: give --{key}")
        if key not in known and not takes_any:
            raise UserError(f"--executor-option {key}: executor {name} has no such option. {did_you_mean(key, known)}")
    for key in known:
        if key not in options and named[key].default is inspect.Parameter.empty:
            raise UserError(f"--executor {name} needs --executor-option {key}=...")
