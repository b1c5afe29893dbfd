"""How long the rest of a sweep takes, from the runs that are over: methods differ by far more than seeds do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from hashbench.catalog.request import RunSpec

_OVERDUE = 0.1


class Durations:
    """Seconds of finished runs, and what follows from them for others."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[object, ...], list[float]] = defaultdict(list)

    def add(self, spec: RunSpec, seconds: float) -> None:
        """Take in a run that is over."""
        for key in _keys(spec):
            self._seconds[key].append(seconds)

    def expected(self, spec: RunSpec) -> float | None:
        """Mean of the runs most like this one: its method at its code length, its method, its protocol, any."""
        for key in _keys(spec):
            if known := self._seconds.get(key):
                return sum(known) / len(known)
        return None

    def left(self, waiting: Iterable[RunSpec], running: Iterable[tuple[RunSpec, float]], workers: int) -> float | None:
        """Seconds until all are done, None where nothing is known yet.

        Args:
            waiting: runs not begun.
            running: runs under way, each with the seconds since it began.
            workers: runs at a time.
        """
        parts = [self.expected(spec) for spec in waiting]
        for spec, elapsed in running:
            whole = self.expected(spec)
            # One that takes longer than its like has no end that is known: a tenth of its time is left, not nothing.
            parts.append(None if whole is None else max(_OVERDUE * elapsed, whole - elapsed))
        known = [seconds for seconds in parts if seconds is not None]
        if len(known) < len(parts):  # `expected` knows all or nothing
            return None
        return max(sum(known) / workers, max(known, default=0.0))


def _keys(spec: RunSpec) -> Iterator[tuple[object, ...]]:
    """From the narrowest group of runs that take about the same time to the widest."""
    yield spec.protocol, spec.method, spec.preset, spec.bits
    yield spec.protocol, spec.method
    yield (spec.protocol,)
    yield ()


def in_words(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
