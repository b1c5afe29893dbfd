"""Computing the table of metrics from counts: what was asked for, every value, and what a metric may not return."""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashbench.evaluation.code_set import CodeSet
from hashbench.evaluation.codes import pack_codes
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.database_order import DatabaseOrderRanking
from hashbench.evaluation.errors import EvaluationInputError, MetricError
from hashbench.evaluation.metrics import TABLE, Member, Metric, members
from hashbench.evaluation.numbers import as_numpy, whole_numbers
from hashbench.evaluation.ranking import DENOMINATORS, ORDERS, Ranking

TIES = (*ORDERS, "index")
_TRIED = 16
"""Queries, or codes, on which an added metric is tried."""

Values = dict[Member, "np.ndarray | float"]
"""Every metric by its name: `(Q,)` float64 values, or one number."""


@dataclass(frozen=True)
class Options:
    """What `evaluate` is asked for; it explains them."""

    topk: tuple[int, ...]
    radii: tuple[int, ...]
    ties: str
    denominator: str

    @classmethod
    def checked(cls, topk: int | Iterable[int], radii: int | Iterable[int], ties: str, denominator: str) -> Options:
        """The options as users give them; whole numbers of any kind.

        Raises:
            EvaluationInputError: one is not allowed.
        """
        if ties not in TIES:
            raise EvaluationInputError(f"ties is {ties!r}: choose one of {', '.join(TIES)}")
        if denominator not in DENOMINATORS:
            raise EvaluationInputError(f"denominator is {denominator!r}: choose one of {', '.join(DENOMINATORS)}")
        cuts = whole_numbers(topk, "a cut-off in topk", 1, "items")
        return cls(cuts, whole_numbers(radii, "a radius in radii", 0, "bits"), ties, denominator)


def values_of(
    counts: Counts, options: Options, index: DatabaseOrderRanking | None = None, *, cosine: bool = False
) -> Values:
    """Every metric of the counts, in the order of result.json.

    Args:
        counts: of Q queries.
        options: checked.
        index: the ranking that `ties="index"` asks.
        cosine: leave out what does not hold for a ranking by cosine.

    Returns:
        `(Q,)` float64, or one number.

    Raises:
        MetricError: a metric raised, or returned neither.
    """
    ranking = Ranking(counts, options.denominator)
    found: Values = {}
    for member in members(options.topk, options.radii):
        metric, at, end = member
        if cosine and not metric.cosine:
            continue
        arguments: list[Any] = [counts] if at is None else [counts, at]
        if metric.bounds:
            arguments[0] = ranking if end or index is None else index
            arguments.append(end or options.ties)
        value = _called(metric, arguments)
        if value.shape == ():
            found[member] = float(value)
        elif value.shape == (counts.queries,):
            found[member] = value.astype(np.float64, copy=False)
        else:
            raise _failed(
                metric,
                f"it returned shape {value.shape}: give ({counts.queries},), a value for each query, or one number",
            )
    return found


def try_added(bits: int, options: Options) -> None:
    """Try the metrics that others have added on random counts and codes: what fails is refused before any work.

    Args:
        bits: K.
        options: what they will be asked for.

    Raises:
        MetricError: one of them raised, or returned what it may not.
    """
    if all(entry.is_ours for entry in TABLE.values()):
        return
    rng = np.random.default_rng(0)
    items = 10 * max([1000, *options.topk])
    n = rng.multinomial(items, np.full(bits + 1, 1 / (bits + 1)), size=_TRIED)
    p = rng.binomial(n, 0.1)
    p[-1] = 0  # a query without a relevant item
    values_of(Counts(n, p), options)
    outputs = rng.normal(size=(_TRIED, bits))
    sums_of_outputs(outputs)
    of_codes(CodeSet(pack_codes(outputs >= 0), bits))


def means(values: Mapping[Member, np.ndarray | float]) -> dict[str, float]:
    """Each metric over the queries for which it is defined; NaN where that is none. A number stays what it is."""
    return {member.name: value if isinstance(value, float) else _mean(value) for member, value in values.items()}


def kept(values: Mapping[Member, np.ndarray | float]) -> dict[str, np.ndarray]:
    """The values for each query, of the metrics that keep them."""
    return {
        member.kept_as: value
        for member, value in values.items()
        if isinstance(value, np.ndarray) and member.metric.per_query
    }


def of_codes(codes: CodeSet) -> dict[str, float]:
    """Every metric of codes.

    Raises:
        MetricError: one raised, or returned something else than one number.
    """
    found = {}
    for metric in TABLE.values():
        if metric.of == "codes":
            value = _called(metric, [codes])
            if value.shape != ():
                raise _failed(metric, f"it returned shape {value.shape}: give one number")
            found[metric.name] = float(value)
    return found


def of_outputs() -> list[Metric]:
    """The metrics of outputs."""
    return [metric for metric in TABLE.values() if metric.of == "outputs"]


def sums_of_outputs(outputs: np.ndarray) -> np.ndarray:
    """`(M, 2)` float64: of every metric of outputs, the sum of its values and how many there are.

    Args:
        outputs: `(n, K)`, of some items or of all.

    Raises:
        MetricError: one raised, or returned something else than a value for each item or for each output.
    """
    outputs = outputs.astype(np.float64)
    sums = []
    for metric in of_outputs():
        values = _called(metric, [outputs])
        if values.shape not in (outputs.shape, outputs.shape[:1]):
            raise _failed(metric, f"it returned shape {values.shape}: give {outputs.shape} or {outputs.shape[:1]}")
        sums.append((values.sum(), values.size))
    return np.array(sums, dtype=np.float64).reshape(-1, 2)


def means_of_outputs(sums: np.ndarray) -> dict[str, float]:
    """Every metric of outputs.

    Args:
        sums: `(M, 2)` of `sums_of_outputs`, or `(parts, M, 2)` of outputs that came in parts. Parts are added without
            rounding, so that their order does not matter.
    """
    parts = sums.reshape(-1, len(of_outputs()), 2)
    return {
        metric.name: math.fsum(parts[:, place, 0]) / math.fsum(parts[:, place, 1])
        for place, metric in enumerate(of_outputs())
    }


def _mean(values: np.ndarray) -> float:
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))


def _called(metric: Metric, arguments: Sequence[Any]) -> np.ndarray:
    """What the metric returns, as an array of real numbers."""
    try:
        value = as_numpy(metric.function(*arguments))
    except (EvaluationInputError, MemoryError):
        raise
    except Exception as error:  # a metric of a third party may fail in any way
        first = (str(error).splitlines() or [""])[0]
        raise _failed(metric, f"{_line(metric, error)}{type(error).__name__}: {first}") from error
    if value.dtype.kind not in "biuf":
        raise _failed(metric, f"it returned {_kind(value)}: give numbers")
    return value


def _failed(metric: Metric, words: str) -> MetricError:
    return MetricError(f"metric {metric.name!r}, {metric.place}: {words}")


def _line(metric: Metric, error: BaseException) -> str:
    """The line of the metric's own file at which it failed."""
    file = metric.code.co_filename if metric.code else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"line {lines[-1]}: " if lines else ""


def _kind(value: np.ndarray) -> str:
    """What was returned, in words."""
    return type(value.item()).__name__ if value.shape == () else f"an array of {value.dtype}"
