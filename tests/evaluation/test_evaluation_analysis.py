"""Curves, code quality, uncertainty and the conventions of others, each against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_oracle import histograms, metrics

from hashbench.evaluation import bootstrap, code_quality, evaluate, paired_bootstrap
from hashbench.evaluation.conventions import Convention, conformance_table, conventional_map, example, usual_map
from hashbench.evaluation.curves import interpolated_precision
from hashbench.evaluation.measure import means_of_outputs, sums_of_outputs


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    queries, database = rng.random((8, 6)) < 0.5, rng.random((150, 6)) < 0.5
    return queries, database, rng.integers(0, 3, 8), rng.integers(0, 3, 150)


def test_curves_agree_with_the_metrics_at_each_point(data):
    result = evaluate(*data, topk=[1, 10, 150], radii=range(7), curves=True)
    curves, values = result.curves, result.metrics
    np.testing.assert_allclose(curves["precision_by_radius"], [values[f"precision@r{r}"] for r in range(7)])
    np.testing.assert_allclose(curves["recall_by_radius"], [values[f"recall@r{r}"] for r in range(7)])
    np.testing.assert_array_equal(curves["cutoffs"], np.arange(1, 151))
    np.testing.assert_allclose(curves["precision_at"][[0, 9, 149]], [values[f"precision@{T}"] for T in (1, 10, 150)])


@pytest.mark.parametrize("levels", [11, 101])
def test_interpolated_precision_is_the_largest_at_any_radius_that_reaches_the_level(data, levels):
    result = evaluate(*data)
    wanted = np.zeros(levels)
    for n, p in zip(np.cumsum(result.counts.n, 1), np.cumsum(result.counts.p, 1), strict=True):
        for i in range(levels):
            reached = [p[r] / n[r] for r in range(7) if n[r] and p[r] / p[-1] >= i / (levels - 1) - 1e-12]
            wanted[i] += max(reached) / len(result.counts.n)
    np.testing.assert_allclose(interpolated_precision(result.counts, levels), wanted)


def test_distances_of_similar_and_dissimilar_pairs(data):
    found = evaluate(*data).distances
    n, p = histograms(*data)
    pairs = np.repeat(np.arange(7), p.sum(axis=0))
    others = np.repeat(np.arange(7), (n - p).sum(axis=0))
    np.testing.assert_array_equal(found.similar, p.sum(axis=0))
    assert found.mean_similar == pytest.approx(pairs.mean())
    assert found.separability == pytest.approx(others.mean() - pairs.mean())


def test_quality_by_definition():
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(300, 5))
    outputs[:, 4] = 0.3
    bits = (outputs >= 0).astype(float)
    share = bits.mean(axis=0)[:4]
    correlations = [np.corrcoef(bits[:, i], bits[:, j])[0, 1] for i in range(4) for j in range(i)] + [0.0] * 4
    found = code_quality(outputs)
    assert found["quantization_error"] == pytest.approx(np.mean(np.abs(np.abs(outputs) - 1)))
    assert found["quantization_mse"] == pytest.approx(np.mean((np.abs(outputs) - 1) ** 2))
    assert found["bit_balance"] == pytest.approx(np.sum(1 - np.abs(2 * share - 1)) / 5)
    assert found["bit_entropy"] == pytest.approx(-np.sum(share * np.log2(share) + (1 - share) * np.log2(1 - share)) / 5)
    assert found["bit_correlation"] == pytest.approx(np.mean(np.abs(correlations)))
    assert found["distinct_codes"] == len(np.unique(bits, axis=0))


def test_quantisation_adds_up_from_parts_in_any_order():
    outputs = np.random.default_rng(0).normal(size=(1000, 5)).astype(np.float32)
    sums = np.stack([sums_of_outputs(part) for part in np.split(outputs, [10, 300, 301])])
    assert means_of_outputs(sums) == means_of_outputs(sums[::-1])
    whole = means_of_outputs(sums_of_outputs(outputs))
    assert means_of_outputs(sums) == pytest.approx(whole, rel=1e-14)
    assert whole["quantization_error"] == np.abs(np.abs(outputs.astype(float)) - 1).mean()


@pytest.mark.parametrize("bits", [1, 63, 70, 200])
def test_distinct_codes_of_any_width(bits):
    codes = np.random.default_rng(0).random((20, bits)) < 0.5
    found = code_quality(codes=np.concatenate([codes, codes]))
    assert found["distinct_codes"] == len(np.unique(codes, axis=0))
    assert "quantization_error" not in found


def test_quality_of_one_bit_has_no_correlation():
    assert code_quality(codes=[[0], [1]])["bit_correlation"] == 0.0


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        interval = bootstrap(rng.beta(2, 5, size=80), samples=400, seed=seed)
        covered += interval.low <= 2 / 7 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_leaves_out_nan_and_repeats():
    values = np.append(np.random.default_rng(0).random(30), np.nan)
    interval = bootstrap(values, seed=3)
    assert interval == bootstrap(values, seed=3) != bootstrap(values, seed=4)
    assert interval.queries == 30
    assert interval.mean == pytest.approx(values[:30].mean())


def test_paired_bootstrap_sees_a_small_but_constant_difference():
    values = np.random.default_rng(0).random(200)
    difference = paired_bootstrap(values, values - 0.01)
    assert difference.separable
    assert difference.mean == pytest.approx(0.01)
    noise = np.random.default_rng(1).normal(size=200)
    assert not paired_bootstrap(values, values + noise - noise.mean()).separable


@pytest.fixture(scope="module")
def small_example():
    """100 queries, of which some have no relevant item at all and some retrieve none early."""
    query_codes, database_codes, query_labels, database_labels = example()
    return query_codes[:100], database_codes[::20], query_labels[:100], database_labels[::20]


@pytest.mark.parametrize("without_hit", ["zero", "skip"])
@pytest.mark.parametrize("queries", ["valid", "all"])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("denominator", ["retrieved", "capped", "all"])
def test_conventions_by_definition(small_example, without_hit, queries, drop_last, denominator):
    query_codes, database_codes, query_labels, database_labels = small_example
    size, T = len(database_codes), 5
    cut = size - 1 if drop_last else T
    values = []
    for code, label in zip(query_codes, query_labels, strict=True):
        order = np.argsort((code != database_codes).sum(axis=1), kind="stable")
        relevant = (database_labels @ label > 0)[order]
        values.append(metrics(relevant, cut, denominator)[f"ap@{cut}"] if relevant.any() else None)
    kept = [v for v in values if v is not None and (v > 0 or without_hit == "zero")]
    expected = sum(kept) / (len(values) if queries == "all" else len(kept))
    convention = Convention("index", denominator, without_hit, queries, drop_last)
    assert conventional_map(*small_example, convention, topk=T) == pytest.approx(expected, abs=1e-12)


def test_the_usual_loop_is_one_of_the_conventions(small_example):
    loop = usual_map(*small_example, 30, lambda d: np.argsort(d, kind="stable"))
    convention = Convention("index", "retrieved", "skip", "all")
    assert conventional_map(*small_example, convention, topk=30) == pytest.approx(loop, abs=1e-6)


@pytest.mark.slow
def test_conformance_table_has_a_row_for_every_convention():
    rows = conformance_table().splitlines()
    assert len(rows) == 15
    expected, best, worst = (float(rows[i].split("|")[2]) for i in (2, 5, 6))
    assert worst < expected < best
