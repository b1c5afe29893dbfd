"""What the class behind a name of the catalogue must be, said in one line where it is something else."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple


class _Contract(NamedTuple):
    """Attributes:
    words: what is wanted.
    base: full name of a class among its bases; empty: it need not be a class. By name, since importing the base
        would mean importing torch.
    method: that it must have.
    """

    words: str
    base: str = ""
    method: str = ""


_CONTRACTS = {
    "deep": _Contract("a deep method is a subclass of hashbench.models.DeepMethod", "hashbench.models.deep.DeepMethod"),
    "shallow": _Contract(
        "a shallow method is a subclass of hashbench.models.ShallowMethod", "hashbench.models.shallow.ShallowMethod"
    ),
    "backbones": _Contract(
        "a backbone is a torch.nn.Module with an attribute out_features", "torch.nn.modules.module.Module"
    ),
    "datasets": _Contract(
        "a data set is a class whose load() returns a hashbench.data.DataTable", "builtins.object", "load"
    ),
    "optimizers": _Contract(
        "an optimizer is a subclass of torch.optim.Optimizer", "torch.optim.optimizer.Optimizer", "step"
    ),
    "schedules": _Contract("a schedule is a function (optimizer, *, epochs, steps_per_epoch)"),
    "metrics": _Contract("a metric is a decorated function of the counts"),
    "executors": _Contract("an executor is a subclass of hashbench.sweeps.executors.Executor", "builtins.object"),
}
"""By section; of methods, by their kind."""


def breach(section: str, entry: Any, target: Any) -> str:
    """What is wrong with the class of an entry; nothing where it is what it must be.

    Args:
        section: of the catalogue.
        entry: that names it.
        target: what was imported.
    """
    contract = _CONTRACTS[entry.kind if section == "methods" else section]
    if contract.base:
        bases = [f"{base.__module__}.{base.__qualname__}" for base in target.__mro__] if _is_class(target) else []
        kept = contract.base in bases and (not contract.method or callable(getattr(target, contract.method, None)))
    else:
        kept = callable(target)
    return "" if kept else f"{entry.class_path} is {_what(target)}; {contract.words}"


def _is_class(target: Any) -> bool:
    return isinstance(target, type)


def _what(target: Any) -> str:
    if _is_class(target):
        return "another class"
    if isinstance(target, ModuleType):
        return "a module"
    return "a function" if callable(target) else f"a value of type {type(target).__name__}"
