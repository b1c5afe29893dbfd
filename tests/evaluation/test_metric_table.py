"""The table of metrics: what is in it, which name is which entry, how one is added, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from evaluation_oracle import distances, orders, relevance

from hashbench.evaluation import Counts, MetricError, code_quality, cosine, evaluate, evaluate_counts
from hashbench.evaluation.cosine import evaluate_cosine
from hashbench.evaluation.measure import Options, try_added
from hashbench.evaluation.metrics import (
    TABLE,
    cut_offs,
    family,
    find,
    find_kept,
    headline,
    label,
    metric,
    register,
    shown,
    unregister,
)

ENDS = ("", "_worst", "_best")


def case(queries: int = 5, items: int = 60, bits: int = 6, seed: int = 0):
    """Codes and class ids; query 3 has a class of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, queries)
    labels[3] = 9
    return rng.random((queries, bits)) < 0.5, rng.random((items, bits)) < 0.5, labels, rng.integers(0, 3, items)


def first_hit(counts: Counts) -> np.ndarray:
    """Rank of the first relevant item, expected over the order inside its group."""
    rows, group = np.arange(counts.queries), np.argmax(counts.p > 0, axis=1)
    before = np.cumsum(counts.n, axis=1)[rows, group] - counts.n[rows, group]
    n, p = counts.n[rows, group], counts.p[rows, group]
    return np.where(counts.relevant > 0, before + (n + 1) / (p + 1), np.nan)


# --- what is there


def test_names_stand_in_the_order_of_result_json():
    """That of all result.json files that there are."""
    found = evaluate(*case(), topk=[5, 20], radii=(0, 2))
    at = [f"{name}@{T}" for T in (5, 20) for name in ("map", "precision", "recall", "ndcg")]
    ball = [f"{name}@r{r}" for r in (0, 2) for name in ("precision", "recall", "empty")]
    ranked = [f"{name}{end}" for end in ENDS for name in ("map", *at)]
    assert list(found.metrics) == [*ranked, *ball, "f1@r0", "f1@r2", "tie_mass"]
    assert list(found.per_query) == [name[1:] if name.startswith("map") else name for name in [*ranked, *ball]]
    quality = [
        "quantization_error",
        "quantization_mse",
        "bit_balance",
        "bit_entropy",
        "bit_correlation",
        "distinct_codes",
    ]
    assert list(code_quality(np.random.default_rng(0).normal(size=(9, 3)))) == quality


def test_every_name_is_found_and_says_the_same_again():
    found = evaluate(*case(), topk=[5, 20])
    for name in [*found.metrics, *code_quality(codes=[[0], [1]])]:
        assert find(name).name == name
    for name in found.per_query:
        assert find_kept(name).kept_as == name
        assert found.metrics[find_kept(name).name] == pytest.approx(np.nanmean(found.per_query[name]))


@pytest.mark.parametrize(
    "name",
    [
        "hits",
        "map@",
        "map@x",
        "map@05",
        "map@r2",
        "precision",
        "precision@r2_best",
        "f1@2",
        "tie_mass_worst",
        "_worst",
        "",
    ],
)
def test_what_is_no_name_is_not_found(name):
    assert find(name) is None


def test_a_name_brings_its_bounds_its_labels_and_its_direction():
    assert find("map@1000").bounds == ("map@1000_worst", "map@1000_best")
    assert find("map@1000_worst").bounds == find("precision@r2").bounds == ()
    assert label("map_worst") == "mAP, ties in the worst order"
    assert [label(name) for name in ("ndcg@10", "empty@r0", "of_another")] == [
        "nDCG@10",
        "empty balls, r ≤ 0",
        "of another",
    ]
    lower = ("empty@r2", "tie_mass", "quantization_error", "quantization_mse", "bit_correlation")
    for entry in TABLE.values():
        assert entry.higher_is_better is not any(find(name).metric is entry for name in lower), entry.key
    assert headline() == ("map", "map_worst", "map_best")


def test_few_places_show_few_metrics_in_the_order_given():
    names = [*evaluate(*case(), topk=[5, 20], radii=(0, 1, 2)).metrics, "quantization_error", "of_another"]
    assert shown(names, "leaderboard") == ["map", "map@5", "map@20", "precision@r2", "quantization_error"]
    assert shown(names, "run") == [
        "map", "map@5", "precision@5", "map@20", "precision@20", "precision@r2", "quantization_error",
    ]  # fmt: skip
    assert shown(names, "figures") == ["map", "quantization_error"]
    assert shown(names, "gallery") == ["map", "precision@r2", "empty@r2"]
    assert family(names, "precision@r") == {0: "precision@r0", 1: "precision@r1", 2: "precision@r2"}
    assert cut_offs(names) == [5, 20]


def test_the_table_is_read_without_numpy():
    """`hashbench list` asks it."""
    program = (
        "import sys; from hashbench.evaluation.metrics import TABLE; "
        "sys.exit(str([n for n in ('numpy', 'numba', 'torch') if n in sys.modules]) if 'numpy' in sys.modules else not TABLE)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- adding


def test_an_added_metric_is_computed_wherever_codes_are_evaluated(metric_table):
    metric("first_hit", label="rank of the first hit", higher_is_better=False)(first_hit)
    data = case()
    found = evaluate(*data)
    for q, code in enumerate(data[0]):
        order = np.argsort(distances(code, data[1]), kind="stable")
        relevant = relevance(data[2][q], data[3])[order]
        if not relevant.any():
            assert np.isnan(found.per_query["first_hit"][q])
            continue
        d = distances(code, data[1])[order]
        tied = np.flatnonzero(d == d[np.argmax(relevant)])
        hits = relevant[tied].sum()
        assert found.per_query["first_hit"][q] == pytest.approx(tied[0] + (len(tied) + 1) / (hits + 1))
    assert found.metrics["first_hit"] == pytest.approx(np.nanmean(found.per_query["first_hit"]))
    assert list(found.metrics)[-1] == list(found.per_query)[-1] == "first_hit"
    assert evaluate_counts(found.counts).metrics["first_hit"] == found.metrics["first_hit"]
    assert label("first_hit") == "rank of the first hit"
    assert not find("first_hit").metric.higher_is_better


def test_the_expected_rank_of_the_first_hit_is_the_mean_over_all_orders(metric_table):
    """So an added metric is held against enumeration as ours are."""
    register(first_hit)
    database, labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [1, 0]]), np.array([5, 1, 2, 1, 1])
    ranks = [1 + np.argmax(labels[order] == 1) for order in orders(distances(np.array([0, 0]), database))]
    assert evaluate([[0, 0]], database, [1], labels).metrics["first_hit"] == pytest.approx(np.mean(ranks))


def test_single_numbers_families_bounds_and_codes(metric_table):
    @metric("pairs")
    def pairs(counts):
        return int(counts.p.sum())

    @metric("seen", over="topk", per_query=False)
    def seen(counts, T):
        return np.full(counts.queries, min(T, counts.database_size))

    @metric("inside", over="radius")
    def inside(counts, r):
        return counts.within(r).items

    @metric("hits", over="topk", bounds=True, kept_as="hit")
    def hits(ranking, T, order):
        return ranking.precision_at(T, order) * T

    @metric("ones", of="codes")
    def ones(codes):
        return codes.share.mean()

    @metric("size", of="outputs")
    def size(outputs):
        return np.abs(outputs).max(axis=1)

    data = case()
    found = evaluate(*data, topk=5, radii=(1,))
    assert found.metrics["pairs"] == found.counts.p.sum()
    assert found.metrics["seen@5"] == 5
    assert found.metrics["inside@r1"] == found.counts.n[:, :2].sum(axis=1).mean()
    for end in ENDS:
        np.testing.assert_allclose(found.per_query[f"hit@5{end}"], 5 * found.per_query[f"precision@5{end}"])
        assert found.metrics[f"hits@5{end}"] == pytest.approx(5 * found.metrics[f"precision@5{end}"])
    assert {"inside@r1", "hit@5"} <= set(found.per_query)
    assert not {"pairs", "seen@5"} & set(found.per_query)
    assert evaluate(*data, topk=5, ties="index").metrics["hits@5"] == pytest.approx(
        5 * evaluate(*data, topk=5, ties="index").metrics["precision@5"]
    )
    outputs = np.random.default_rng(1).normal(size=(50, 4))
    quality = code_quality(outputs)
    assert quality["ones"] == pytest.approx((outputs >= 0).mean())
    assert quality["size"] == pytest.approx(np.abs(outputs).max(axis=1).mean())
    assert "size" not in code_quality(codes=outputs >= 0)
    assert label("inside@r1") == "inside, r ≤ 1"
    assert shown(["inside@r1", "inside@r2", "seen@5", "hits@5", "hits@5_best"], "leaderboard") == [
        "inside@r2", "seen@5", "hits@5",
    ]  # fmt: skip


def test_a_ranking_by_cosine_has_what_holds_for_it(metric_table, monkeypatch):
    register(first_hit)
    register(lambda counts: counts.p.sum(), name="pairs")  # of all queries together: they are counted in chunks
    register(lambda counts: (counts.n > 0).argmax(axis=1), name="nearest", cosine=False)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(7, 3)), rng.normal(size=(40, 3)), rng.integers(0, 3, 7), rng.integers(0, 3, 40)
    whole = evaluate_cosine(*data, topk=5)
    assert {"first_hit", "map@5", "tie_mass"} <= set(whole.metrics)
    assert not {"pairs", "nearest"} & set(whole.metrics)
    monkeypatch.setattr(cosine, "_CELLS", 80)
    assert evaluate_cosine(*data, topk=5).metrics == whole.metrics


def test_a_metric_that_is_defined_for_no_query_is_nan(metric_table, recwarn):
    register(lambda counts: np.full(counts.queries, np.nan), name="nothing")
    assert np.isnan(evaluate(*case()).metrics["nothing"])
    assert not recwarn.list


def test_the_same_function_again_replaces_itself_and_may_become_a_family(metric_table):
    def define(value, **facts):
        def again(counts, *at):
            return np.full(counts.queries, value)

        return register(again, name="again", **facts)

    define(1.0)
    define(2.0)
    assert evaluate(*case()).metrics["again"] == 2.0
    define(3.0, over="topk")
    found = evaluate(*case(), topk=4).metrics
    assert found["again@4"] == 3.0
    assert "again" not in found


def test_what_is_taken_out_is_gone_and_ours_stay(metric_table):
    register(first_hit)
    for name in ("first_hit", "map", "precision"):
        unregister(name)
    assert find("first_hit") is None
    assert all(find(name) for name in ("map", "map@5", "precision@r2"))


# --- refusals


def of_one(counts):
    return np.ones(3)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"name": "map"}, r"the name is taken by average_precision \(.*metrics\.py, line \d+\)"),
        ({"name": "ap"}, "the values of map are kept as 'ap'"),
        ({"name": "mine_best"}, "does not end in _worst or _best"),
        ({"name": "mine@5"}, "letters, digits and _"),
        ({"name": ""}, "letters, digits and _"),
        ({"over": "bits"}, "over is one of"),
        ({"over": "topk"}, r"it is called with \(counts, T\)"),
        ({"bounds": True}, r"it is called with \(ranking, order\)"),
        ({"over": "radius", "bounds": True}, "no order of ties"),
        ({"of": "codes", "over": "topk"}, "a family is over counts"),
        ({"shown": ("page",)}, r"shown is \('page',\)"),
        ({"shown": "run"}, "shown is 'run'"),
        ({"better": "lower"}, "there is no 'better'; a metric has name, function, label, higher_is_better"),
    ],
)
def test_what_cannot_be_a_metric_is_refused_in_one_line_with_its_place(metric_table, facts, message):
    before = dict(metric_table)
    with pytest.raises(MetricError, match=message) as caught:
        register(of_one, **facts)
    assert "\n" not in str(caught.value)
    assert "of_one" in str(caught.value)
    assert metric_table == before


def test_two_functions_of_one_name_are_refused(metric_table):
    register(first_hit)
    with pytest.raises(MetricError, match=r"metric 'first_hit', of_one \(.*the name is taken by first_hit \("):
        register(of_one, name="first_hit")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (of_one, r"of_one \(.*test_metric_table\.py, line \d+\): it returned shape \(3,\): give \(5,\)"),
        (lambda counts: counts.n, r"it returned shape \(5, 7\)"),
        (lambda counts: 1 / 0, r"line \d+: ZeroDivisionError: division by zero"),
        (lambda counts: counts.hits, r"line \d+: AttributeError: 'Counts' object has no attribute 'hits'"),
        (lambda counts: None, "it returned NoneType: give numbers"),
        (lambda counts: "good", "it returned str: give numbers"),
        (lambda counts: np.full(5, 1j), "it returned an array of complex128: give numbers"),
    ],
)
def test_a_metric_that_fails_is_refused_in_one_line_with_its_place(metric_table, function, message):
    register(function, name="wrong")
    for call in (lambda: evaluate(*case()), lambda: try_added(6, Options.checked((), (), "expected", "retrieved"))):
        with pytest.raises(MetricError, match=r"metric 'wrong', .*test_metric_table\.py, line ") as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(MetricError, match=message):
        evaluate(*case())


@pytest.mark.parametrize(("of", "message"), [("codes", "give one number"), ("outputs", r"give \(9, 4\) or \(9,\)")])
def test_a_metric_of_codes_that_returns_another_shape_is_refused(metric_table, of, message):
    register(lambda codes: np.ones(2), name="wrong", of=of)
    with pytest.raises(MetricError, match=message):
        code_quality(np.random.default_rng(0).normal(size=(9, 4)))


def test_metrics_that_work_pass_the_trial_at_any_cut_off(metric_table):
    register(first_hit)
    register(lambda counts, T: counts.p.sum(axis=1) / T, name="share", over="topk")
    try_added(12, Options.checked((1, 50_000), range(20), "expected", "all"))
