"""How long the rest of many tasks takes, from those that are over: methods differ by far more than seeds do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable

Kinds = tuple[Hashable, ...]
"""Groups to which a task belongs, from the narrowest, whose tasks take about the same time, to the widest."""

_OVERDUE = 0.1


class Durations:
    """Seconds of tasks that are over, and what follows from them for others."""

    def __init__(self) -> None:
        self._seconds: dict[Hashable, list[float]] = defaultdict(list)

    def add(self, kinds: Kinds, seconds: float) -> None:
        """Take in a task that is over."""
        for kind in kinds:
            self._seconds[kind].append(seconds)

    def expected(self, kinds: Kinds) -> float | None:
        """Mean of the tasks most like this one: of its narrowest group of which any is known."""
        for kind in kinds:
            if known := self._seconds.get(kind):
                return sum(known) / len(known)
        return None

    def left(self, waiting: Iterable[Kinds], running: Iterable[tuple[Kinds, float]], workers: int) -> float | None:
        """Seconds until all are done, None where one of them is like none that is known.

        Args:
            waiting: tasks not begun.
            running: tasks under way, each with the seconds since it began.
            workers: tasks at a time.
        """
        parts = [self.expected(kinds) for kinds in waiting]
        for kinds, elapsed in running:
            whole = self.expected(kinds)
            # One that takes longer than its like has no end that is known: a tenth of its time is left, not nothing.
            parts.append(None if whole is None else max(_OVERDUE * elapsed, whole - elapsed))
        known = [seconds for seconds in parts if seconds is not None]
        if len(known) < len(parts):
            return None
        return max(sum(known) / workers, max(known, default=0.0))


def in_words(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
