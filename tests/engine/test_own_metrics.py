"""Metrics of one's own in runs: in the result, refused before any work, and as what selects the epoch."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hashbench.engine.state import TrainingState
from hashbench.errors import UserError
from hashbench.evaluation.metrics import register


def nearest_hits(counts):
    """Relevant items at the smallest distance that occurs."""
    nearest = (counts.n > 0).argmax(axis=1)
    return np.where(counts.relevant > 0, counts.p[np.arange(counts.queries), nearest], np.nan)


def test_it_is_in_the_result_with_its_values_and_over_epochs(do_run, metric_table):
    register(nearest_hits)
    register(lambda outputs: np.abs(outputs).max(axis=1), name="largest", of="outputs")
    outcome = do_run()
    metrics = json.loads((outcome.folder / "result.json").read_text())["metrics"]
    with np.load(outcome.folder / "per_query.npz") as kept:
        assert np.nanmean(kept["nearest_hits"]) == pytest.approx(metrics["nearest_hits"])
    assert 0 < metrics["largest"] <= 1  # of tanh
    assert outcome.record.history[-1]["val_nearest_hits"] > 0
    assert "nearest_hits" in do_run("toy_shallow").record.metrics


def test_one_that_fails_is_refused_before_any_epoch(do_run, metric_table, tmp_path):
    def three(counts):
        return np.ones(3)

    register(three)
    with pytest.raises(
        UserError, match=r"metric 'three', .*test_own_metrics\.py, line \d+\): it returned shape \(3,\)"
    ):
        do_run()
    (folder,) = (tmp_path / "runs").glob("*/toy/12bit/seed0")
    assert not (folder / "result.json").exists()
    assert not list(folder.glob("checkpoints/*"))
    del metric_table["three"]
    assert do_run().fresh  # nothing was left behind


def test_one_that_fails_on_real_counts_alone_is_refused_in_one_line(do_run, metric_table):
    def picky(counts):
        if counts.queries > 100:
            raise ValueError("too many\nqueries")
        return 1.0

    register(picky)
    with pytest.raises(UserError, match=r"metric 'picky', .*line \d+: ValueError: too many") as caught:
        do_run()
    assert "\n" not in str(caught.value)


def test_the_epoch_with_the_least_is_selected_where_less_is_better(do_run):
    options = {"epochs": 6, "validate_every": 1, "primary": "quantization_error"}
    record = do_run(changes=options).record
    values = [entry["val_quantization_error"] for entry in record.history]
    assert record.selection["epoch"] == 1 + values.index(min(values))
    assert record.selection["value"] == min(values)


@pytest.mark.parametrize(("higher", "selected"), [(True, [1, 1, 3, 3]), (False, [1, 2, 2, 2])])
def test_best_epoch_so_far_in_both_directions(higher, selected):
    state, found = TrainingState(), []
    for epoch, value in enumerate([0.5, 0.25, 0.75, math.nan], 1):
        state.observe(epoch, value, higher_is_better=higher)
        found.append(state.best_epoch)
    assert found == selected
    fresh = TrainingState()
    assert not fresh.observe(1, math.nan, higher_is_better=higher)
    assert fresh.best_epoch == 0
