"""The ranking of the features themselves, by itself and in the harness."""

from __future__ import annotations

import numpy as np
import pytest
from engine_runs import run_on

from hashbench.data.digits import Digits
from hashbench.errors import UserError
from hashbench.results.find import find_runs
from hashbench.results.leaderboard import table
from hashbench_baselines.features import Features


def slow_map(query, database, relevant) -> float:
    """Mean average precision of a sort by cosine; no ties."""
    total = 0.0
    for vector, hits in zip(query, relevant, strict=True):
        cosines = [float(vector @ item) / float(np.linalg.norm(item)) for item in database]
        ranked = hits[np.argsort(-np.array(cosines))]
        places = np.flatnonzero(ranked) + 1
        total += float(np.mean(np.arange(1, len(places) + 1) / places))
    return total / len(query)


def test_outputs_are_the_features():
    X = np.random.default_rng(0).normal(size=(20, 5))
    fitted = Features(bits=3).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), X)
    np.testing.assert_array_equal(fitted.decision_function(X), X)


def test_on_digits_it_sorts_the_normalised_pixels_at_every_length(tmp_path):
    outcomes = [run_on(tmp_path, "features", protocol="digits", bits=bits) for bits in (16, 48)]
    first, second = (outcome.record for outcome in outcomes)
    assert first.metrics == second.metrics
    assert (first.bits, second.bits) == (16, 48)
    with np.load(run_on(tmp_path, "lsh", protocol="digits", bits=16).folder / "codes.npz") as other:
        pixels = Digits().load().inputs.flatten(1).numpy() / 255  # and as small_conv takes them: mean 0.5, std 0.25
        query, database = ((pixels[other[f"{role}_index"]] - 0.5) / 0.25 for role in ("query", "database"))
        relevant = other["query_labels"][:, None] == other["database_labels"]
    assert first.metrics["map"] == pytest.approx(
        slow_map(query, database, relevant), abs=1e-6
    )  # float32 in the harness
    assert first.metrics["map"] > 0.5
    assert not [name for name in first.metrics if "@r" in name or "bit" in name or "quantization" in name]
    assert first.selection["evaluation"]["ranking"] == "cosine"


def test_its_folder_has_no_codes_and_is_resumed_and_on_the_leaderboard(tmp_path):
    outcome = run_on(tmp_path, "features", protocol="digits", bits=16)
    assert not (outcome.folder / "codes.npz").exists()
    with np.load(outcome.folder / "per_query.npz") as values:
        assert values["ap"].mean() == pytest.approx(outcome.record.metrics["map"], abs=1e-12)
    again = run_on(tmp_path, "features", protocol="digits", bits=16, resume=True)
    assert not again.fresh
    assert again.record == outcome.record
    run_on(tmp_path, "random_codes", protocol="digits", bits=16)
    rows = table(find_runs(tmp_path).records)
    assert rows["method"].tolist() == ["features", "random_codes"]
    assert rows["precision@r2_mean"].isna().tolist() == [True, False]


def test_several_labels(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((150, 4)) < 0.4).astype(np.uint8)
    labels[:, 0] |= labels.sum(axis=1) == 0
    file = tmp_path / "several.npz"
    np.savez(file, features=rng.normal(size=(150, 8)) + 2 * labels @ rng.normal(size=(4, 8)), labels=labels)
    found = run_on(tmp_path, "features", data_root=file).record.metrics
    chance = run_on(tmp_path, "random_codes", data_root=file).record.metrics
    assert found["map"] > chance["map"] + 0.05


def test_a_protocol_that_selects_by_a_hamming_ball_is_refused(tmp_path):
    with pytest.raises(UserError, match="no metric 'precision@r2'"):
        run_on(tmp_path, "features", protocol="digits", sets=["protocol.primary=precision@r2"])
