"""Synchronous successive halving: many settings are trained for a short time, and the best of them for the whole.

Karnin, Koren and Somekh, "Almost optimal exploration in multi-armed bandits", ICML 2013, with Jamieson and Talwalkar,
AISTATS 2016; here with two rungs. N trials are trained for a quarter of the epochs, the best N / 4 anew for all, which
costs what N / 2 whole trials cost. A rung is decided when all its trials are over, by their scores alone, so
neither the number of workers nor a kill can change which trials go on.

Each rung is a run of its own, with a schedule of its own length. To stop whole runs on their way and go on with the
better ones would save the quarter, and compare them where it misleads: before the rates have fallen, the lower one is
ahead. (`cifar10-dualhash-frozen`, csq, 16 bits, rates 0.001 and 0.003: 0.706 and 0.688 after 8 epochs of 30, 0.698 and
0.712 after 8 of 8, 0.773 and 0.787 after 30.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hashbench.tuning.study import Study, Trial

FEWEST = 4
"""Trials of a bracket; fewer are all trained to the end."""


class Rung(NamedTuple):
    """Trials that are trained for the same time and compared.

    Attributes:
        epochs: of training.
        entrants: how many of the rung before go on to it; of the first, how many trials there are.
    """

    epochs: int
    entrants: int


class Bracket(NamedTuple):
    """Trials that compete with each other, and their rungs."""

    numbers: range
    rungs: list[Rung]


class Due(NamedTuple):
    """What a bracket waits for: these trials, on this rung (counted from 0)."""

    numbers: list[int]
    rung: int


def rungs_of(trials: int, epochs: int) -> list[Rung]:
    """The rungs of a bracket, whole epochs and numbers, both rounded up.

    >>> [tuple(rung) for rung in rungs_of(24, 30)]
    [(8, 24), (30, 6)]
    >>> [tuple(rung) for rung in rungs_of(6, 2)], [tuple(rung) for rung in rungs_of(3, 30)]
    ([(1, 6), (2, 2)], [(30, 3)])
    """
    if trials < FEWEST:
        return [Rung(epochs, trials)]
    found: dict[int, Rung] = {}
    for share in (4, 1):
        last = math.ceil(epochs / share)
        found.setdefault(last, Rung(last, math.ceil(trials * share / 4)))
    return list(found.values())


def brackets_of(study: Study) -> list[Bracket]:
    """The brackets of a study; none without halving."""
    found, first = [], 0
    for size in study.brackets:
        found.append(Bracket(range(first, first + size), rungs_of(size, study.run["settings"]["epochs"])))
        first += size
    return found


def due(numbers: Sequence[int], rungs: Sequence[Rung], known: Mapping[int, Trial]) -> Due | None:
    """What is to be done next of a bracket; None where it is over.

    Args:
        numbers: of its trials.
        rungs: of the bracket.
        known: trials that have ended on some rung.
    """
    entrants = list(numbers)
    for index, rung in enumerate(rungs):
        if index:
            passed = [known[number] for number in entrants if known[number].rung >= index]
            passed.sort(key=lambda trial: (-trial.scores[index - 1], trial.number))
            entrants = sorted(trial.number for trial in passed[: rung.entrants])
        waiting = [n for n in entrants if n not in known or (known[n].failure is None and known[n].rung <= index)]
        if waiting:
            return Due(waiting, index)
    return None
