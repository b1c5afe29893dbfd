"""Constructors that pass arguments on to the base class and still say by name what they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

Constructor = TypeVar("Constructor", bound=Callable[..., None])


def passes_on_to(base: type) -> Callable[[Constructor], Constructor]:
    """Complete the signature of `__init__(self, *, own, **shared)` by what the constructor of `base` takes.

    The catalogue, `hashbench check` and editors then see every argument with its type and default, and none is written
    twice. An argument of one's own with a name of the base's replaces it there (another default, say). Names that
    neither has are refused by the base when it is called.

    Args:
        base: the class whose constructor gets `**shared`.

    Raises:
        TypeError: the constructor has no `**shared`.

    Example:
        >>> class Base:
        ...     def __init__(self, *, bits: int, alpha: float = 1.0) -> None: ...
        >>> class Method(Base):
        ...     @passes_on_to(Base)
        ...     def __init__(self, *, margin: float = 2.0, **shared: object) -> None:
        ...         super().__init__(**shared)
        >>> str(inspect.signature(Method))
        "(*, bits: 'int', alpha: 'float' = 1.0, margin: 'float' = 2.0) -> 'None'"
    """

    def complete(constructor: Constructor) -> Constructor:
        signature = inspect.signature(constructor)
        own = dict(signature.parameters)
        last = next(reversed(own.values()))
        if last.kind is not last.VAR_KEYWORD:
            raise TypeError(f"{constructor.__qualname__} passes nothing on: let it take **shared")
        del own[last.name]
        merged = dict(inspect.signature(base.__init__).parameters) | own  # type: ignore[misc]
        constructor.__signature__ = signature.replace(parameters=list(merged.values()))  # type: ignore[attr-defined]
        return constructor

    return complete
