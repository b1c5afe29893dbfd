"""Whole runs: what they write, that they repeat, what they refuse."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from hashbench import atomic
from hashbench.backbones import build as build_module
from hashbench.engine.reporter import Reporter
from hashbench.errors import Interrupted, RunFailedError, UserError
from hashbench.evaluation import binarize, evaluate, pack_codes


def codes_of(outcome):
    with np.load(outcome.folder / "codes.npz") as file:
        return {name: file[name] for name in file.files}


def test_a_run_learns_and_writes_all_that_the_design_names(do_run):
    outcome = do_run()
    record = outcome.record
    assert record.metrics["map"] > 0.5  # ten classes: chance is 0.1
    assert {"result.json", "codes.npz", "per_query.npz", "config.py", "log.txt", "spec.json"} <= set(
        os.listdir(outcome.folder)
    )
    assert len(record.history) == 4
    assert ["val_map" in epoch for epoch in record.history] == [False, True, False, True]
    assert record.history[-1]["times_seen"] == 4.0
    assert record.history[-1]["codes_moved"] > 0.01  # what methods are shown of the network is the one that learns
    assert record.selection["epoch"] in (2, 4)
    arrays = codes_of(outcome)
    assert arrays["query_codes"].shape == (500, 2)
    assert arrays["database_codes"].shape == (1000, 2)
    kept = arrays["query_outputs"]
    assert kept.shape == (64, 12)
    assert np.array_equal(pack_codes(binarize(kept)), arrays["query_codes"][:64])
    again = evaluate(
        arrays["query_codes"],
        arrays["database_codes"],
        arrays["query_labels"],
        arrays["database_labels"],
        bits=int(arrays["bits"]),
    )
    assert again.metrics["map"] == record.metrics["map"]
    with np.load(outcome.folder / "per_query.npz") as per_query:
        assert per_query["ap"].mean() == pytest.approx(record.metrics["map"], abs=1e-12)


def test_the_same_command_twice_gives_the_same_codes_and_another_seed_others(do_run, tmp_path):
    first, second, other = (codes_of(do_run(out=tmp_path / str(i), seed=seed)) for i, seed in enumerate([0, 0, 1]))
    for name in first:
        assert np.array_equal(first[name], second[name]), name
    assert not np.array_equal(first["query_codes"], other["query_codes"])


def test_selection_is_the_best_validation_epoch_and_its_weights_are_tested(do_run):
    record = do_run(changes={"epochs": 6, "validate_every": 1}).record
    values = [epoch["val_map"] for epoch in record.history]
    assert record.selection["value"] == max(values)
    assert record.selection["epoch"] == 1 + int(np.argmax(values))


def test_patience_stops_training(do_run):
    record = do_run(
        changes={"epochs": 40, "validate_every": 1, "patience": 2},
        sets=["optimizer.lr=1e-12", "schedule.type=constant"],
    ).record
    assert len(record.history) < 40


def test_finished_run_is_refused_resumed_or_done_again(do_run):
    first = do_run()
    with pytest.raises(UserError, match="holds this run, finished"):
        do_run()
    shown = do_run(resume=True)
    assert not shown.fresh
    assert shown.record == first.record
    assert do_run(overwrite=True).fresh


def test_resume_with_other_hyper_parameters_is_refused_and_names_them(do_run):
    do_run()
    with pytest.raises(UserError, match=r"cannot resume .*alpha was 1.0, now 3"):
        do_run(resume=True, sets=["alpha=3"])
    with pytest.raises(UserError, match=r"cannot resume .*epochs was 4, now 5"):
        do_run(resume=True, changes={"epochs": 5})


def test_resume_of_nothing_is_refused(do_run):
    with pytest.raises(UserError, match="no run to resume"):
        do_run(resume=True)


def test_presets_and_sets_have_rows_of_their_own(do_run):
    plain, strong = do_run(), do_run(preset="strong")
    assert (plain.record.preset, strong.record.preset) == ("default", "strong")
    assert strong.record.hparams["alpha"] == 2.0
    assert strong.record.hparams["optimizer"]["lr"] == 0.1
    assert plain.folder != strong.folder
    assert plain.record.fingerprint == strong.record.fingerprint


def test_what_methods_share_makes_the_fingerprint_and_nothing_else_does(do_run, tmp_path):
    base = do_run().record.fingerprint
    assert do_run("toy_shallow").record.fingerprint == base
    assert do_run(seed=3, bits=5).record.fingerprint == base
    assert do_run(changes={"epochs": 3}).record.fingerprint != base


def test_config_py_runs_again_to_the_same_codes(do_run, catalog, tmp_path):
    from hashbench.engine.config import read_config
    from hashbench.engine.run import run

    first = do_run(preset="strong", sets=["alpha=1.5"])
    spec = read_config(first.folder / "config.py", catalog, out=tmp_path / "again")
    second = run(spec, catalog)
    assert second.record.preset == first.record.preset
    assert np.array_equal(codes_of(first)["query_codes"], codes_of(second)["query_codes"])


def test_shallow_methods_take_the_same_way(do_run):
    record = do_run("toy_shallow", bits=32).record
    assert record.backbone == "raw"
    assert 0.1 < record.metrics["map"] < 0.9
    assert record.selection["epoch"] == 1


def test_frozen_features_are_computed_once_and_test_queries_last(do_run, tmp_path, monkeypatch):
    from hashbench.cache import FeatureCache

    asked = []
    compute = FeatureCache.get_or_compute

    def counted(self, key, rows, function, width):
        def counting(rows):
            asked.append(len(rows))
            return function(rows)

        return compute(self, key, rows, counting, width)

    monkeypatch.setattr(FeatureCache, "get_or_compute", counted)
    frozen = {"changes": {"frozen": True}}
    do_run(**frozen)
    assert asked == [1297, 500]  # train (= database) and validation first, the test queries after selection
    do_run(bits=6, **frozen)
    assert asked == [1297, 500]
    do_run("toy_shallow", **frozen)
    assert asked == [1297, 500]


def test_a_frozen_backbone_is_kept_for_the_next_run_of_its_seed(do_run, monkeypatch):
    built = []
    build = build_module.build_backbone
    monkeypatch.setattr(build_module, "build_backbone", lambda cls, **k: built.append(k["seed"]) or build(cls, **k))
    build_module.frozen_backbone.cache_clear()
    frozen = {"changes": {"frozen": True, "epochs": 1}}
    first = do_run(**frozen)
    do_run("toy_shallow", **frozen)
    do_run(seed=1, **frozen)
    again = do_run(overwrite=True, **frozen)
    assert built == [0, 1, 0]
    assert first.record.metrics == again.record.metrics


def test_bf16_learns_too(do_run):
    changes = {
        "precision": "bf16",
        "epochs": 3,
        "validate_every": 1,
        "backbone_hparams": {"widths": [8], "out_features": 32},
    }
    assert do_run(changes=changes).record.metrics["map"] > 0.2  # ten classes: chance is 0.1


def test_channels_last_changes_layout_only(do_run, tmp_path):
    plain, last = do_run(), do_run(channels_last=True, out=tmp_path / "last")
    assert plain.record.fingerprint == last.record.fingerprint
    assert last.record.metrics["map"] == pytest.approx(plain.record.metrics["map"], abs=0.05)


def test_divergence_ends_the_run_with_a_reason(do_run):
    with pytest.raises(RunFailedError, match="loss is nan in epoch 1"):
        do_run("toy_diverging")


def test_full_disk_keeps_the_checkpoint_before(do_run, monkeypatch, tmp_path):
    real, written = atomic.os.replace, []

    def full(source, target):
        if "epoch_" in str(target):
            if written:
                raise OSError(28, "No space left on device")
            written.append(target)
        real(source, target)

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(RunFailedError, match="No space left"):
        do_run()
    monkeypatch.undo()
    checkpoints = next((tmp_path / "runs").rglob("checkpoints"))
    assert [path.name for path in checkpoints.iterdir() if path.name.startswith("epoch")] == ["epoch_1.pth"]
    assert not list(checkpoints.glob(".*"))
    assert do_run(resume=True).record.metrics["map"] > 0.5


@pytest.mark.parametrize(
    ("place", "method", "saved"),
    [
        ("hashbench.engine.runner.HashRunner.final_test", "toy", "state saved after epoch 4"),
        ("hashbench.results.folder.RunFolder.write_result", "toy", "state saved after epoch 4"),
        ("hashbench.engine.runner.HashRunner.train", "toy", "nothing was to be saved yet"),
        ("hashbench.engine.runner.HashRunner.final_test", "toy_shallow", "nothing was to be saved yet"),
    ],
)
def test_ctrl_c_at_any_moment_says_what_is_saved(do_run, monkeypatch, place, method, saved):
    with monkeypatch.context() as patch:
        patch.setattr(place, lambda *_, **__: exec("raise KeyboardInterrupt"))
        with pytest.raises(Interrupted, match=f"interrupted, {saved}; the same command with --resume goes on"):
            do_run(method)
    with pytest.raises(UserError, match="holds an unfinished run"):
        do_run(method)
    assert do_run(method, resume=True).fresh


def test_method_for_single_labels_refuses_several(do_run, tmp_path):
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "f.npz",
        features=generator.normal(size=(60, 5)).astype("f4"),
        labels=generator.integers(0, 2, (60, 3)),
    )
    with pytest.raises(UserError, match="not defined for samples with several labels"):
        do_run("toy_single_label", protocol="features", data_root=tmp_path / "f.npz")
    assert (
        do_run(protocol="features", data_root=tmp_path / "f.npz", changes={"batch_size": 16}).record.dataset
        == "features"
    )


def test_a_broken_result_folder_place_is_explained(do_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        do_run(out=tmp_path / "file")


def test_reporter_hears_every_epoch_and_log_keeps_it(do_run):
    heard = []

    class Listening(Reporter):
        def epoch(self, record, epochs, primary):
            super().epoch(record, epochs, primary)
            heard.append(record["epoch"])

    outcome = do_run(reporter=Listening())
    assert heard == [1, 2, 3, 4]
    assert "epoch 4/4" in (outcome.folder / "log.txt").read_text()


def test_result_json_is_plain_json_with_the_names_of_the_design(do_run):
    content = json.loads((do_run().folder / "result.json").read_text())
    names = {
        "schema",
        "fingerprint",
        "protocol",
        "method",
        "preset",
        "hparams",
        "bits",
        "seed",
        "metrics",
        "history",
        "timing",
        "environment",
    }
    assert names <= set(content)
    assert {
        "map",
        "map_worst",
        "map_best",
        "map@100",
        "precision@r2",
        "recall@r2",
        "f1@r2",
        "empty@r2",
        "quantization_error",
    } <= set(content["metrics"])
