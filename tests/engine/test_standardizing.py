"""Under a protocol with `standardize`, all methods see features minus their mean over their deviation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gloo_processes import on_processes

from hashbench.backbones.standardize import Standardize
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine import standardizing
from hashbench.engine.distributed import rank
from hashbench.engine.feed import Feed
from hashbench.engine.runner import HashRunner
from hashbench.engine.standardizing import learn
from hashbench.errors import Interrupted, UserError

TRAIN, TEST = 600, 100
STANDARDIZE = {"protocol.standardize": True}


def features() -> tuple[np.ndarray, np.ndarray]:
    """Rows of four classes whose columns differ in place and width, the last one constant; and the labels."""
    random = np.random.default_rng(0)
    labels = np.arange(TRAIN + TEST) % 4
    centres = random.normal(size=(4, 8))
    rows = (centres[labels] + random.normal(size=(len(labels), 8))) * 10.0 ** np.arange(-3, 5) + np.arange(8) * 30
    return np.column_stack([rows, np.full(len(rows), 7.3)]).astype(np.float32), labels


@pytest.fixture
def on_features(do_run, tmp_path):
    """on_features(rows, method, **options of do_run) -> Outcome, with the first 600 rows for training."""

    def go(rows, method="toy", **options):
        labels = features()[1]
        file = tmp_path / "mine.npz"
        np.savez(file, X_train=rows[:TRAIN], y_train=labels[:TRAIN], X_test=rows[TRAIN:], y_test=labels[TRAIN:])
        return do_run(method, protocol="features", data_root=file, bits=8, **options)

    return go


def by_numpy(rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    mean, deviation = wide[train].mean(0), wide[train].std(0)
    deviation[-1] = 1
    return ((wide - mean) / deviation).astype(np.float32)


def codes(outcome) -> np.ndarray:
    with np.load(outcome.folder / "codes.npz") as file:
        return np.concatenate([file["query_codes"], file["database_codes"]])


@pytest.mark.parametrize("method", ["toy", "toy_shallow"])
def test_runs_are_those_on_features_that_numpy_standardised(on_features, tmp_path, method):
    rows, _ = features()
    done = on_features(rows, method, values=STANDARDIZE)
    plain = on_features(rows, method, out=tmp_path / "plain")
    with np.load(done.folder / "codes.npz") as file:
        train = file["database_index"]  # the file has no database of its own, which then is the training part
    by_hand = on_features(by_numpy(rows, train), method, out=tmp_path / "by_hand")
    differ = np.unpackbits(codes(done) ^ codes(by_hand)).mean()
    assert differ < 0.01  # by rounding
    assert np.unpackbits(codes(done) ^ codes(plain)).mean() > 0.1
    assert done.record.protocol_description["standardize"] is True
    assert "standardize" not in plain.record.protocol_description
    assert done.record.fingerprint != plain.record.fingerprint


def test_checkpoints_hold_mean_and_deviation(on_features):
    rows, _ = features()
    done = on_features(rows, values=STANDARDIZE)
    with np.load(done.folder / "codes.npz") as file:
        train = rows[file["database_index"]].astype(np.float64)
    (best,) = done.folder.glob(f"checkpoints/best_{done.record.selection['epoch']}.pth")
    state = torch.load(best, weights_only=True)
    np.testing.assert_allclose(state["network.backbone.mean"], train.mean(0), rtol=1e-5)
    np.testing.assert_allclose(state["network.backbone.deviation"][:-1], train.std(0)[:-1], rtol=1e-5)
    assert state["network.backbone.deviation"][-1] == 1


def test_a_resumed_run_is_the_uninterrupted_one(on_features, tmp_path, monkeypatch):
    rows, _ = features()
    whole = on_features(rows, out=tmp_path / "whole", values=STANDARDIZE)
    save = HashRunner.save_state

    def save_and_stop(runner):
        save(runner)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HashRunner, "save_state", save_and_stop)
        with pytest.raises(Interrupted, match="state saved after epoch 1"):
            on_features(rows, values=STANDARDIZE)
    standardizing._KNOWN.clear()  # as in another process
    resumed = on_features(rows, resume=True, values=STANDARDIZE)
    assert np.array_equal(codes(resumed), codes(whole))


@pytest.mark.parametrize("method", ["toy", "toy_shallow"])
def test_features_that_training_changes_are_refused(do_run, method):
    with pytest.raises(UserError, match="features of backbone small_conv change while it is trained") as refused:
        do_run(method, values=STANDARDIZE)
    assert "--frozen" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_process_computes_them_once(monkeypatch):
    asked = []
    compute = standardizing.mean_and_deviation
    monkeypatch.setattr(standardizing, "mean_and_deviation", lambda batches: asked.append(1) or compute(batches))
    standardizing._KNOWN.clear()
    first, second = learned(0), learned(0)
    assert asked == [1]
    assert torch.equal(first, second)


def learned(extra: int) -> torch.Tensor:
    """Mean and deviation as one process has them; `extra` is added to what all but the first look at."""
    rows, labels = features()
    table = DataTable("rows", torch.from_numpy(rows) + extra * rank(), torch.from_numpy(labels), 4)
    plain = DeviceTransform("feature")
    module = Standardize(rows.shape[1])
    learn(module, Feed(table, plain, plain, 32, "cpu", 0), np.arange(TRAIN))
    return torch.cat([module.mean, module.deviation])


def test_all_processes_take_the_numbers_of_the_first(tmp_path: Path):
    first, second = on_processes(2, tmp_path / "two", learned, 1)
    assert torch.equal(first, second)
    assert torch.equal(first, learned(0))
