"""Which entry of the table of metrics a name such as `map@1000_worst` stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from hashbench.evaluation.metric_table import TABLE, Metric

End = Literal["", "worst", "best"]
ENDS: tuple[End, ...] = ("", "worst", "best")
"""A metric with bounds has three names: `map`, `map_worst`, `map_best`."""

_NAME = re.compile(r"(?P<base>[^@]+?)(?:@(?P<ball>r)?(?P<at>0|[1-9]\d*))?(?:_(?P<end>worst|best))?")


class Member(NamedTuple):
    """What one name stands for.

    Attributes:
        metric: the entry.
        at: cut-off T or radius r; None where the entry is no family.
        end: which bound, or neither.
    """

    metric: Metric
    at: int | None = None
    end: End = ""

    @property
    def name(self) -> str:
        """As in result.json: `map@1000_worst`."""
        return self._named(self.metric.name)

    @property
    def kept_as(self) -> str:
        """As among the values for each query: `ap@1000_worst`."""
        return self._named(self.metric.kept_as)

    @property
    def label(self) -> str:
        """As axes and captions have it: `mAP@1000`, `precision, r ≤ 2`."""
        metric, at, end = self
        text = metric.label + {"": "", "topk": f"@{at}", "radius": f", r ≤ {at}"}[metric.over]
        return f"{text}, ties in the {end} order" if end else text

    @property
    def bounds(self) -> tuple[str, ...]:
        """Names of the values in the worst and in the best order of ties; nothing where there are none."""
        has_bounds = self.metric.bounds and not self.end
        return tuple(self._replace(end=end).name for end in ENDS[1:]) if has_bounds else ()

    def _named(self, base: str) -> str:
        at = "" if self.at is None else f"@{'r' if self.metric.over == 'radius' else ''}{self.at}"
        return f"{base}{at}{f'_{self.end}' if self.end else ''}"


def find(name: str) -> Member | None:
    """What a name of result.json stands for; None where this process knows no such metric.

    >>> from hashbench.evaluation.metrics import find
    >>> find("map@1000_worst").metric.key, find("precision@r2").label, find("hits")
    ('map@T', 'precision, r ≤ 2', None)
    """
    return _find(name, {(entry.name, entry.over): entry for entry in TABLE.values()})


def find_kept(name: str) -> Member | None:
    """What a name among the values for each query stands for: `ap@1000` is what `map@1000` is the mean of."""
    return _find(name, {(entry.kept_as, entry.over): entry for entry in TABLE.values()})


def label(name: str) -> str:
    """A name as axes and captions have it; of a metric that this process does not know, the name with spaces."""
    member = find(name)
    return member.label if member else name.replace("_", " ")


def headline() -> tuple[str, ...]:
    """The metric by which methods are ranked unless another is named, then its bounds."""
    first = Member(next(iter(TABLE.values())))
    return (first.name, *first.bounds)


def shown(names: Iterable[str], place: str) -> list[str]:
    """Those of the names that a place of `PLACES` has room for, in their order."""
    found = []
    for name in names:
        member = find(name)
        if member and not member.end and place in member.metric.shown:
            at = member.metric.shown_at
            found += [name] if at in (None, member.at) else []
    return found


def family(names: Iterable[str], key: str) -> dict[int, str]:
    """The members of a family among the names, by cut-off or radius, ascending; bounds are left out.

    >>> from hashbench.evaluation.metrics import family
    >>> family(["precision@1000", "precision@500", "precision@500_best", "precision@r2"], "precision@T")
    {500: 'precision@500', 1000: 'precision@1000'}
    """
    members = {name: find(name) for name in names}
    found = {m.at: name for name, m in members.items() if m and m.at is not None and m.metric.key == key and not m.end}
    return dict(sorted(found.items()))


def cut_offs(names: Iterable[str]) -> list[int]:
    """Every cut-off T that any of the names is at, ascending."""
    members = [find(name) for name in names]
    return sorted({m.at for m in members if m and m.at is not None and m.metric.over == "topk"})


def members(topk: Sequence[int], radii: Sequence[int]) -> Iterator[Member]:
    """All that an evaluation computes of its counts, in the order of result.json.

    First what depends on the order inside ties, and its bounds; then what is inside a ball, means over queries before
    single numbers; then the rest.
    """
    entries = [entry for entry in TABLE.values() if entry.of == "counts"]
    single, cut, ball = ([e for e in entries if e.over == over] for over in ("", "topk", "radius"))
    for end in ENDS:
        yield from (Member(entry, None, end) for entry in single if entry.bounds)
        yield from (Member(entry, T, end) for T in topk for entry in cut if entry.bounds)
    yield from (Member(entry, T) for T in topk for entry in cut if not entry.bounds)
    for kept in (True, False):
        yield from (Member(entry, r) for r in radii for entry in ball if entry.per_query is kept)
    yield from (Member(entry) for entry in single if not entry.bounds)


def _find(name: str, entries: dict[tuple[str, str], Metric]) -> Member | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    over = "" if match["at"] is None else "radius" if match["ball"] else "topk"
    entry = entries.get((match["base"], over))
    if entry is None or (match["end"] and not entry.bounds):
        return None
    at = None if match["at"] is None else int(match["at"])
    return Member(entry, at, next(end for end in ENDS if end == (match["end"] or "")))
