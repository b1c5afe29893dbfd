"""The table of metrics: what an entry says, and how one is added.

The entries are in `hashbench.evaluation.metrics`: import that, and the table is filled.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from hashbench.evaluation.errors import MetricError

PLACES = ("run", "leaderboard", "figures", "gallery")
"""Where there is room for few metrics: the table that ends a run, the tables of a leaderboard, the figure over code
lengths, the head of a gallery. result.json, the CSV and the page's details hold all."""
USUAL_RADIUS = 2
_OVER = {"": "", "topk": "@T", "radius": "@r"}
_OF = ("counts", "codes", "outputs")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """A metric, or a family of them with a member for each cut-off or radius.

    Attributes:
        name: in result.json, the CSV and on the command line, where members of a family add `@1000` or `@r2`.
        function: `function(counts)`, or `function(counts, T)` and `function(counts, r)` for a family. Returns `(Q,)`
            values, NaN where undefined, whose mean is the metric; or one number.
        label: on axes and in captions; by default the name with spaces.
        higher_is_better: whether a larger value is the better one.
        over: "topk": a family over the cut-offs T, in items; "radius": over the radii r, in bits.
        of: what the function is given: "counts"; "codes", a `CodeSet` of the database, of which it returns one number;
            or "outputs", `(n, K)` float64 outputs of some database items, of which it returns values, `(n, K)` or
            `(n,)`: the metric is the mean over all. It is left out where outputs are not known.
        bounds: the value depends on the order inside ties. The function is then given a `Ranking` in place of the
            counts and, as its last argument, the order; the metric comes with `_worst` and `_best`.
        per_query: whether the values for each query are kept, for ranks and comparisons; else only their mean is.
        kept_as: name of these values; by default the metric's.
        cosine: whether it also holds for a ranking by cosine, where a "distance" is no more than a rank.
        shown: of `PLACES`.
        shown_at: the one member of a family that is shown there; by default every cut-off, and radius 2.
        digits: decimals in tables.
        log: drawn on a logarithmic axis where the values span several powers of ten.
    """

    name: str
    function: Callable[..., Any]
    label: str = ""
    higher_is_better: bool = True
    over: Literal["", "topk", "radius"] = ""
    of: Literal["counts", "codes", "outputs"] = "counts"
    bounds: bool = False
    per_query: bool = True
    kept_as: str = ""
    cosine: bool = True
    shown: tuple[str, ...] = ("run", "leaderboard", "figures")
    shown_at: int | None = None
    digits: int = 3
    log: bool = False

    def __post_init__(self) -> None:
        filled = {
            "label": self.label or self.name.replace("_", " "),
            "kept_as": self.kept_as or self.name,
            "shown": self.shown if isinstance(self.shown, str) else tuple(self.shown),
            "shown_at": USUAL_RADIUS if self.shown_at is None and self.over == "radius" else self.shown_at,
        }
        for name, value in filled.items():
            object.__setattr__(self, name, value)

    @property
    def key(self) -> str:
        """Its name in the table: `map`, `map@T`, `precision@r`."""
        return self.name + _OVER.get(self.over, "")

    @property
    def title(self) -> str:
        """The label, and the first line of what the function says of itself."""
        about = (inspect.getdoc(self.function) or "").partition("\n")[0]
        return f"{self.label}: {about}" if about else self.label

    @property
    def path(self) -> str:
        """Where the function is imported from: `module:name`."""
        function = self.function
        return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', repr(function))}"

    @property
    def is_ours(self) -> bool:
        """Whether hashbench itself brings it."""
        return getattr(self.function, "__module__", "") == "hashbench.evaluation.metrics"

    @property
    def code(self) -> Any:
        """The function's code object, which knows where it is written; None where it is not written in Python."""
        return getattr(inspect.unwrap(self.function), "__code__", None)

    @property
    def place(self) -> str:
        """The function and where it is written: `first_hit (mine.py, line 7)`."""
        name = getattr(self.function, "__qualname__", str(self.function))
        return f"{name} ({self.code.co_filename}, line {self.code.co_firstlineno})" if self.code else name

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the function is given."""
        first = "ranking" if self.bounds else self.of
        at = {"": (), "topk": ("T",), "radius": ("r",)}[self.over]
        return (first, *at, "order") if self.bounds else (first, *at)


TABLE: dict[str, Metric] = {}
"""Every metric by its key. The first entry is the one by which methods are ranked unless another is named."""


def register(function: Function, *, name: str | None = None, **facts: Any) -> Function:
    """Add a metric to the table; from then on every evaluation of this process computes it.

    Args:
        function: of the counts, see `Metric`.
        name: by default the function's own.
        facts: the other attributes of `Metric`.

    Returns:
        The function.

    Raises:
        MetricError: the name is taken or cannot be one, the function does not take what it would be given, or a fact
            is not allowed. The same function again, as when a cell of a notebook is run twice, replaces itself.
    """
    known = [field.name for field in fields(Metric)]
    unknown = [fact for fact in facts if fact not in known]
    if unknown:
        raise MetricError(f"metric {name or function!r}: there is no {unknown[0]!r}; a metric has {', '.join(known)}")
    entry = Metric(name if name is not None else str(getattr(function, "__name__", "")), function, **facts)
    _check(entry)
    for key in [key for key, other in TABLE.items() if _is_redefined(other, entry) and key != entry.key]:
        del TABLE[key]  # what was one metric is a family now, or the other way round
    TABLE[entry.key] = entry
    return function


def metric(name: str | None = None, **facts: Any) -> Callable[[Function], Function]:
    """`register` as a decorator.

    Example:
        >>> from hashbench.evaluation import evaluate
        >>> @metric("nearest", label="distance of the nearest item", higher_is_better=False)
        ... def nearest(counts):
        ...     return (counts.n > 0).argmax(axis=1)
        >>> evaluate([[0, 0]], [[0, 1], [1, 1]], [3], [3, 4]).metrics["nearest"]
        1.0
        >>> unregister("nearest")
    """
    return lambda function: register(function, name=name, **facts)


def unregister(name: str) -> None:
    """Take out what was added under a name; what hashbench brings stays."""
    for key in [key for key, entry in TABLE.items() if entry.name == name and not entry.is_ours]:
        del TABLE[key]


def _check(entry: Metric) -> None:
    """Refuse an entry that could not be computed, or not be told from another."""

    def refuse(words: str) -> MetricError:
        return MetricError(f"metric {entry.name!r}, {entry.place}: {words}")

    if not re.fullmatch(r"[A-Za-z]\w*", entry.name) or entry.name.endswith(("_worst", "_best")):
        raise refuse("a name has letters, digits and _, begins with a letter, and does not end in _worst or _best")
    if entry.over not in _OVER or entry.of not in _OF:
        raise refuse(f"over is one of {', '.join(map(repr, _OVER))}, of is one of {', '.join(map(repr, _OF))}")
    if (entry.of != "counts" or entry.over == "radius") and entry.bounds:
        raise refuse("codes and balls have no order of ties: leave bounds out")
    if entry.of != "counts" and entry.over:
        raise refuse("a family is over counts: leave of out")
    if isinstance(entry.shown, str) or not set(entry.shown) <= set(PLACES):
        raise refuse(f"shown is {entry.shown!r}: give a tuple with none or some of {', '.join(PLACES)}")
    try:
        inspect.signature(entry.function).bind(*entry.arguments)
    except (TypeError, ValueError) as error:
        raise refuse(f"it is called with ({', '.join(entry.arguments)}): {error}") from error
    for other in TABLE.values():
        if other.key == entry.key and not _is_redefined(other, entry):
            raise refuse(f"the name is taken by {other.place}: choose another")
        if other.kept_as == entry.kept_as and other.over == entry.over and other.name != entry.name:
            raise refuse(f"the values of {other.name} are kept as {entry.kept_as!r}: choose another name")


def _is_redefined(old: Metric, new: Metric) -> bool:
    """Whether both are one function under one name."""
    return (old.name, old.path) == (new.name, new.path)
