"""Search in packed codes: exact against a full sort, ties told, the draw of a cut group fair and repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench.evaluation import EvaluationInputError, pack_codes
from hashbench.evaluation.search import HammingSearch


def codes(rows, bits, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (rows, bits)).astype(bool)


@pytest.mark.parametrize("bits", [1, 7, 8, 12, 64, 65, 200])
@pytest.mark.parametrize("top", [1, 10, 300])
def test_search_equals_a_full_stable_sort(bits, top):
    database, query = codes(300, bits), codes(1, bits, seed=1)[0]
    found = HammingSearch(pack_codes(database), bits).nearest(pack_codes(query[None])[0], top)
    distances = (database != query).sum(1)
    order = np.argsort(distances, kind="stable")[:top]
    np.testing.assert_array_equal(found.items, order)
    np.testing.assert_array_equal(found.distances, distances[order])
    np.testing.assert_array_equal(found.ranks, [1 + (distances < d).sum() for d in distances[order]])
    np.testing.assert_array_equal(found.tied, [(distances == d).sum() for d in distances[order]])


def test_a_draw_changes_only_which_items_of_the_last_distance_are_listed():
    database = pack_codes(np.array([[0, 0]] + [[0, 1]] * 9 + [[1, 1]], dtype=bool))
    search = HammingSearch(database, 2)
    seen = np.zeros(11, int)
    for seed in range(300):
        found = search.nearest(database[0], 4, np.random.default_rng(seed))
        again = search.nearest(database[0], 4, np.random.default_rng(seed))
        np.testing.assert_array_equal(found.items, again.items)
        assert found.items[0] == 0
        assert found.distances.tolist() == [0, 1, 1, 1]
        assert found.ranks.tolist() == [1, 2, 2, 2]
        assert found.tied.tolist() == [1, 9, 9, 9]
        seen[found.items] += 1
    assert seen[10] == 0
    assert seen[1:10].min() > 60  # 100 expected of 300, each with chance 1/3
    assert seen[1:10].max() < 140


def test_wrong_input_is_explained():
    database = pack_codes(codes(5, 12))
    with pytest.raises(EvaluationInputError, match="12 bits packed are uint8 of shape"):
        HammingSearch(database[:, :1], 12)
    with pytest.raises(EvaluationInputError, match="database is empty"):
        HammingSearch(database[:0], 12)
    search = HammingSearch(database, 12)
    for top in (0, 6):
        with pytest.raises(EvaluationInputError, match="give 1 to 5"):
            search.nearest(database[0], top)
    with pytest.raises(EvaluationInputError, match="query codes"):
        search.nearest(database[0, :1], 1)
