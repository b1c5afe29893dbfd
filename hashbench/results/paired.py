"""Two methods on the same queries: the difference of their means, with a paired bootstrap over queries.

Each run keeps its values per query. They are averaged over the seeds that both methods have, query by query, and the
queries are resampled in pairs (`hashbench.evaluation.uncertainty`), so what makes a query hard for both cancels. The
interval is about other queries of the same kind, for these trained models; how much another training would change is
the spread over seeds, which the leaderboard's ranks are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hashbench.errors import UserError, did_you_mean, shown
from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.uncertainty import Difference, paired_bootstrap
from hashbench.results.folder import RunFolder
from hashbench.results.naming import display_name, tuning
from hashbench.results.per_query import mean_over_seeds
from hashbench.results.record import row_key


class PairedDifference(NamedTuple):
    """First minus second under one fingerprint at one number of bits, over the seeds that both have."""

    protocol: str
    fingerprint: str
    bits: int
    seeds: list[int]
    difference: Difference


def paired_differences(
    runs: Sequence[RunFolder], first: str, second: str, *, metric: str = "map"
) -> list[PairedDifference]:
    """Compare two methods wherever both were run with a common seed.

    Args:
        runs: of `hashbench.results.find.find_runs`.
        first, second: names as the leaderboard shows them (`dsh`, `dsh@release`, `dsh tuned(20)`).
        metric: one that is a mean over queries.

    Returns:
        In the order of protocol, fingerprint, bits.

    Raises:
        UserError: a name that no run has, no common seed anywhere, two settings under one name, values per query that
            are missing or cannot be paired, or a metric that is no mean over queries.
    """
    known = {_name(run) for run in runs}
    for name in (first, second):
        if name not in known:
            raise UserError(f"no run of {shown(name)}. {did_you_mean(name, known)}")
    if first == second:
        raise UserError(f"{shown(first)} cannot be compared with itself: name two different rows.")
    places = sorted({(run.record.protocol, run.record.fingerprint, run.record.bits) for run in runs})
    found = []
    for protocol, fingerprint, bits in places:
        here = [run for run in runs if (run.record.fingerprint, run.record.bits) == (fingerprint, bits)]
        one, other = _by_seed(here, first), _by_seed(here, second)
        seeds = sorted(one.keys() & other.keys())
        if seeds:
            difference = _difference([one[seed] for seed in seeds], [other[seed] for seed in seeds], metric)
            found.append(PairedDifference(protocol, fingerprint, bits, seeds, difference))
    if not found:
        raise UserError(f"{first} and {second} have no protocol, bits and seed in common: run both with the same ones.")
    return found


def _name(run: RunFolder) -> str:
    return display_name(run.record.method, run.record.preset, tuning(run.record))


def _by_seed(runs: Sequence[RunFolder], name: str) -> Mapping[int, RunFolder]:
    """The runs of one row by their seeds."""
    own = [run for run in runs if _name(run) == name]
    if len({row_key(run.record) for run in own}) > 1:
        raise UserError(
            f"{name} has several settings of its hyper-parameters at {own[0].record.bits} bits: name the folder of one."
        )
    return {run.record.seed: run for run in own}


def _difference(first: Sequence[RunFolder], second: Sequence[RunFolder], metric: str) -> Difference:
    try:
        return paired_bootstrap(mean_over_seeds(first, metric), mean_over_seeds(second, metric))
    except EvaluationInputError as error:
        raise UserError(f"{first[0].path} and {second[0].path} cannot be compared: {error}") from error
