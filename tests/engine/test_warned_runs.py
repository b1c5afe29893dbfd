"""Runs whose numbers mean nothing say so in the result; those without anything to measure are refused before training."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hashbench.engine.reporter import Reporter
from hashbench.errors import RunFailedError, UserError
from hashbench.results.record import load_record

CLASSES = np.arange(240) % 4


class Listening(Reporter):
    """Keeps what it is told."""

    def __init__(self):
        self.warnings, self.epochs = [], 0

    def warning(self, text):
        super().warning(text)
        self.warnings.append(text)

    def epoch(self, record, epochs, primary):
        self.epochs += 1


@pytest.fixture
def features(do_run, tmp_path):
    """features(labels of 160 training rows, of 80 test rows, **options of do_run) -> Outcome."""

    def go(train, test, inputs=None, method="toy_shallow", **options):
        random = np.random.default_rng(0)
        x = random.normal(size=(len(train) + len(test), 6)) if inputs is None else inputs
        file = tmp_path / "mine.npz"
        np.savez(file, X_train=x[: len(train)], y_train=train, X_test=x[len(train) :], y_test=test)
        return do_run(method, protocol="features", data_root=file, bits=8, **options)

    return go


def test_queries_without_anything_relevant_are_told_before_training_and_kept(features):
    listening = Listening()
    outcome = features(CLASSES[:160], np.where(np.arange(80) < 16, 4, CLASSES[160:]), reporter=listening)
    words = "16 of 80 test queries have nothing relevant in database and are left out of every mean"
    assert words in listening.warnings
    assert words in load_record(outcome.run.result_path).warnings
    assert words in (outcome.folder / "log.txt").read_text()
    assert outcome.record.left_out == (16, 80)


@pytest.mark.parametrize("method", ["toy", "toy_shallow"])
def test_a_protocol_without_anything_to_measure_is_refused_before_training(features, tmp_path, method):
    listening = Listening()
    with pytest.raises(UserError, match="nothing in database is relevant to any of the 80 test queries") as refused:
        features(CLASSES[:160], np.full(80, 9), method=method, reporter=listening)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) <= 300
    assert listening.epochs == 0
    assert not (tmp_path / "runs").exists()


def test_one_class_is_warned_of(features):
    warnings = " ".join(features(np.zeros(160, int), np.zeros(80, int)).record.warnings)
    assert "all roles hold rows of one class only" in warnings
    assert "mAP is 1 for any codes" in warnings


def test_test_content_in_training_is_warned_of(features):
    inputs = np.random.default_rng(0).normal(size=(240, 6))
    inputs[200:210] = inputs[:10]
    warnings = features(CLASSES[:160], CLASSES[160:], inputs).record.warnings
    assert any(w.startswith("the content of ") and "test queries is in train" in w for w in warnings)


def test_equal_rows_give_equal_codes_and_that_is_said(features):
    inputs = np.repeat(np.random.default_rng(0).normal(size=(1, 6)), 240, axis=0)
    warnings = " ".join(features(CLASSES[:160], CLASSES[160:], inputs).record.warnings)
    assert "80 query codes are all equal" in warnings
    assert "is that of random codes" in warnings


def test_a_rate_that_moves_nothing_and_one_that_is_too_large_are_said(do_run):
    warnings = do_run(sets=["optimizer.lr=1e-12"]).record.warnings
    assert [w for w in warnings if w.startswith("the loss did not fall in training")] == warnings
    assert len(warnings) == 1


def test_a_run_that_works_has_no_warning_also_when_it_was_resumed(do_run, tmp_path):
    outcome = do_run()
    assert outcome.record.warnings == []
    content = json.loads(outcome.run.result_path.read_text())
    assert content.pop("warnings") == []
    outcome.run.result_path.write_text(json.dumps(content))  # as older versions wrote it
    assert do_run(resume=True).record.warnings == []


def test_outputs_that_are_no_numbers_after_the_last_step_are_told_as_a_loss_is(do_run):
    with pytest.raises(RunFailedError) as failed:
        do_run("dsh", sets=["optimizer.lr=1e10"], changes={"epochs": 1, "batch_size": 1000, "validate_every": 1})
    assert str(failed.value) == "the outputs are not finite after epoch 1: lower optimizer.lr (now 1e+10)"
