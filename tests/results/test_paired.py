"""Two methods on the same queries: what must be separated, what must not, and what cannot be paired."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from hashbench.errors import UserError
from hashbench.evaluation.uncertainty import paired_bootstrap
from hashbench.results.find import find_runs
from hashbench.results.paired import paired_differences

QUERIES = 400


@pytest.fixture
def difficulty() -> np.ndarray:
    """What makes a query hard for every method: far more than what methods differ in."""
    return np.random.default_rng(0).uniform(0.2, 0.9, QUERIES)


@pytest.fixture
def store_run(tmp_path: Path, make_record, store_record):
    def store(method: str, ap: np.ndarray, **changes) -> Path:
        folder = store_record(tmp_path, make_record(method, value=float(ap.mean()), **changes))
        folder.write_per_query({"ap": ap, "precision@r2": ap / 2})
        return folder.path

    return store


def noise(seed: int, scale: float = 0.05) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, QUERIES)


def test_a_small_steady_difference_is_seen(tmp_path: Path, store_run, difficulty) -> None:
    for seed in range(3):
        store_run("a", difficulty + 0.02 + noise(seed), seed=seed)
        store_run("b", difficulty + noise(seed + 10), seed=seed)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert (found.protocol, found.bits, found.seeds) == ("digits", 16, [0, 1, 2])
    assert found.difference.queries == QUERIES
    assert found.difference.low < 0.02 < found.difference.high
    assert found.difference.separable
    assert found.difference.p_value < 0.01
    (turned,) = paired_differences(find_runs(tmp_path).runs, "b", "a")
    assert turned.difference.mean == pytest.approx(-found.difference.mean)


def test_two_equal_methods_are_not_separated(tmp_path: Path, store_run, difficulty) -> None:
    for seed in range(3):
        store_run("a", difficulty + noise(seed), seed=seed)
        store_run("b", difficulty + noise(seed + 10), seed=seed)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert not found.difference.separable
    assert found.difference.p_value > 0.05


def test_seeds_are_averaged_query_by_query_over_the_common_ones(tmp_path: Path, store_run, difficulty) -> None:
    values = {seed: difficulty + noise(seed) for seed in range(4)}
    for seed in (0, 1, 2):
        store_run("a", values[seed], seed=seed)
    for seed in (1, 2, 3):
        store_run("b", difficulty + noise(seed + 10), seed=seed)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert found.seeds == [1, 2]
    first = (values[1] + values[2]) / 2
    second = difficulty + (noise(11) + noise(12)) / 2
    assert astuple(found.difference) == pytest.approx(astuple(paired_bootstrap(first, second)))


def test_interval_is_near_that_of_the_paired_t_test(store_run, tmp_path: Path, difficulty) -> None:
    """For a mean over 400 queries the bootstrap and the normal theory must agree."""
    a, b = difficulty + 0.004 + noise(1), difficulty + noise(2)
    store_run("a", a)
    store_run("b", b)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "b")
    expected = scipy.stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    width = interval.high - interval.low
    assert found.difference.mean == pytest.approx((a - b).mean())
    assert found.difference.low == pytest.approx(interval.low, abs=0.08 * width)
    assert found.difference.high == pytest.approx(interval.high, abs=0.08 * width)
    assert found.difference.p_value == pytest.approx(expected.pvalue, abs=0.05)


def test_p_value_is_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(3)
    found = [
        paired_bootstrap(rng.normal(size=100), rng.normal(size=100), samples=400, seed=seed).p_value
        for seed in range(200)
    ]
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


def test_p_value_of_no_difference_is_one_and_never_zero() -> None:
    assert paired_bootstrap(np.ones(5), np.ones(5)).p_value == 1
    assert paired_bootstrap(np.ones(5), np.zeros(5), samples=100).p_value == pytest.approx(2 / 101)


def test_every_protocol_and_length_that_both_have_is_compared(tmp_path: Path, store_run, difficulty) -> None:
    for method in ("a", "b"):
        store_run(method, difficulty)
        store_run(method, difficulty, bits=32)
        store_run(method, difficulty, protocol="cifar10", fingerprint="ffff")
    store_run("a", difficulty, bits=64)
    found = paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert [(one.protocol, one.bits) for one in found] == [("cifar10", 16), ("digits", 16), ("digits", 32)]


def test_other_metrics_presets_and_tuning_can_be_named(tmp_path: Path, store_run, difficulty) -> None:
    store_run("a", difficulty)
    store_run("a", difficulty - 0.1, preset="release", trials=20)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "a@release tuned(20)", metric="precision@r2")
    assert found.difference.mean == pytest.approx(0.05)


def test_what_cannot_be_compared_is_said_in_one_line(
    tmp_path: Path, store_run, make_record, store_record, difficulty
) -> None:
    store_run("dsh", difficulty)
    store_run("csq", difficulty)

    def refused(first: str, second: str, **options: str) -> str:
        with pytest.raises(UserError) as error:
            paired_differences(find_runs(tmp_path).runs, first, second, **options)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "Did you mean dsh" in refused("dhs", "csq")
    assert "no run of 'dsh@release'" in refused("csq", "dsh@release")
    assert "itself" in refused("dsh", "dsh")
    assert "not kept for each query. Did you mean map" in refused("dsh", "csq", metric="map_best")
    assert "quantization_error" in refused("dsh", "csq", metric="quantization_error")

    store_run("itq", difficulty[:100])
    assert "same queries" in refused("dsh", "itq")
    store_run("lsh", difficulty, seed=7)
    assert "in common" in refused("dsh", "lsh")
    torn = store_run("sdh", difficulty) / "per_query.npz"
    torn.write_bytes(torn.read_bytes()[:100])
    assert f"{torn}: cannot be read" in refused("dsh", "sdh")
    torn.unlink()
    assert f"{torn}: missing" in refused("dsh", "sdh")
    store_run("dsh", difficulty, seed=1, hparams={"alpha": 3})
    assert "several settings" in refused("dsh", "csq")


def test_a_seed_with_other_queries_is_named(tmp_path: Path, store_run, difficulty) -> None:
    for method in ("a", "b"):
        store_run(method, difficulty)
        wrong = store_run(method, difficulty[:10], seed=1)
    with pytest.raises(UserError, match="10 queries"):
        paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert wrong.exists()


def test_queries_without_a_relevant_item_are_left_out(tmp_path: Path, store_run, difficulty) -> None:
    ap = difficulty.copy()
    ap[:7] = np.nan
    store_run("a", ap)
    store_run("b", ap - 0.01)
    (found,) = paired_differences(find_runs(tmp_path).runs, "a", "b")
    assert found.difference.queries == QUERIES - 7
    assert found.difference.mean == pytest.approx(0.01)
