"""The curves of a run's test queries as result.json keeps them: few enough numbers for a page over a thousand runs.

codes.npz has all that is in them; to count it again takes longer than everything else that a leaderboard does.
"""

from __future__ import annotations

import numpy as np

from hashbench.evaluation import Evaluation
from hashbench.evaluation.cosine import CosineEvaluation
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.curves import distances, interpolated_precision, precision_recall_by_radius
from hashbench.evaluation.metrics import cut_offs
from hashbench.evaluation.ranking import Ranking
from hashbench.results.record import RECALL_LEVELS

_CUTOFFS = 51
"""Points of the curve of precision at T."""
_FARTHEST = 1000
"""It ends here at least, or with the largest cut-off that the protocol reports, or with the database."""
_DIGITS = 6


def kept_curves(evaluation: Evaluation | CosineEvaluation) -> dict[str, list[float]]:
    """Means over the queries that have a relevant item, under the names of `hashbench.evaluation.curves.all_curves`.

    Returns:
        recall_by_radius, precision_by_radius: (K + 1), an empty ball has precision 0;
        precision_interpolated: (101) at recall 0, 0.01, ..., 1;
        cutoffs, precision_at: (at most 51) expected precision among the first T;
        distance_similar, distance_dissimilar: (K + 1) pairs at each distance.
        Nothing for a ranking without codes.
    """
    if isinstance(evaluation, CosineEvaluation):
        return {}
    counts = evaluation.counts
    recall, precision = precision_recall_by_radius(counts)
    cutoffs = np.unique(np.linspace(1, min(_farthest(evaluation), counts.database_size), _CUTOFFS).round().astype(int))
    valid = counts.relevant > 0
    hits = Ranking(Counts(counts.n[valid], counts.p[valid])).expected_hits(cutoffs)
    pairs = distances(counts)
    return {
        "recall_by_radius": _rounded(recall),
        "precision_by_radius": _rounded(precision),
        "precision_interpolated": _rounded(interpolated_precision(counts, RECALL_LEVELS)),
        "cutoffs": cutoffs.tolist(),
        "precision_at": _rounded(hits / cutoffs),
        "distance_similar": pairs.similar.tolist(),
        "distance_dissimilar": pairs.dissimilar.tolist(),
    }


def _farthest(evaluation: Evaluation) -> int:
    return max([_FARTHEST, *cut_offs(evaluation.metrics)])


def _rounded(values: np.ndarray) -> list[float]:
    rounded: list[float] = np.round(values, _DIGITS).tolist()
    return rounded
