"""Where the training and the codes of a run show that its numbers may mean nothing.

What the data show is found before, by `hashbench.protocol.soundness`. A warning stops nothing: it is shown at the end
of the run, kept in result.json and marked on the leaderboard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hashbench.engine.encoding import EncodedSet
from hashbench.engine.epoch import sections
from hashbench.engine.state import TrainingState

_FALL, _FALL_OF_A_STEP, _FALL_IN_AN_EPOCH = 0.01, 0.05, 0.005
"""Shares by which the last loss has to be below that of the first epoch, or that of the first step, which is of one
batch and so less certain; and below that of the first step where there is one epoch only."""
_HUGE = 1e9
"""No loss of a training that works is so large, whether it adds or averages over a batch."""
_ABOVE_CHANCE = 0.1
"""Share of what is missing to twice the chance level (to 1, where that is near) that a mAP has to be above it."""


def doubts(
    state: TrainingState, query: EncodedSet, database: EncodedSet, *, bits: int, mean_ap: float, chance: float
) -> list[str]:
    """What is doubtful, one sentence each.

    Args:
        state: with the history of the training.
        query, database: as they were tested.
        bits: K.
        mean_ap: mAP of the test queries.
        chance: that of random codes.
    """
    return [*_of_loss(state), *_of_codes(query, database, bits), *_of_ranking(mean_ap, chance)]


def _of_loss(state: TrainingState) -> list[str]:
    records = [record for record in state.history if "loss" in record]
    if not records:
        return []
    epoch, last = records[-1]["epoch"], records[-1]["loss"]
    if abs(last) > _HUGE:
        return [
            f"the loss is {last:.3g} in epoch {epoch}: training has diverged; lower optimizer.lr (now "
            f"{records[-1]['lr']:g})"
        ]
    if _terms(records[0]) != _terms(records[-1]):  # another loss since then, as of a method with a warm-up
        return []
    several = len(records) > 1
    before = [(state.first_loss, _FALL_OF_A_STEP if several else _FALL_IN_AN_EPOCH)]
    before += [(records[0]["loss"], _FALL)] if several else []
    if all(last >= loss - fall * abs(loss) for loss, fall in before):  # False where the first is NaN: not known
        return [
            f"the loss did not fall in training: {state.first_loss:.4g} in the first step, {last:.4g} in epoch {epoch}"
        ]
    return []


def _terms(record: Mapping[str, Any]) -> set[str]:
    """Names of the terms of the loss of an epoch that are not 0."""
    return {name for name, value in sections(record)["train"].items() if value} - {"loss", "lr", "seconds"}


def _of_codes(query: EncodedSet, database: EncodedSet, bits: int) -> list[str]:
    found = []
    for name, encoded in (("query", query), ("database", database)):
        rows = encoded.outputs if encoded.codes is None else encoded.codes
        what = "vectors" if encoded.codes is None else "codes"
        if len(rows) > 1 and (rows == rows[0]).all():
            found.append(f"the {len(rows):,} {name} {what} are all equal")
    if database.codes is not None and not found:
        distinct = len(np.unique(database.codes, axis=0))
        classes = _classes(database.labels)
        if distinct < min(classes, 2**bits):
            found.append(
                f"{len(database.codes):,} database items have {distinct} codes, fewer than their {classes} classes"
            )
    return found


def _of_ranking(mean_ap: float, chance: float) -> list[str]:
    if not mean_ap <= chance + _ABOVE_CHANCE * chance * (1 - chance):
        return []
    return [
        f"mAP {mean_ap:.4f} is that of random codes ({chance:.4f}): nothing was learned, or the codes are destroyed"
    ]


def _classes(labels: np.ndarray) -> int:
    return len(np.unique(labels)) if labels.ndim == 1 else int(labels.any(axis=0).sum())
