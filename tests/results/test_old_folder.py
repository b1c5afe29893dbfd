"""A run as hashbench 0.1.0 wrote it (commit 652b922; a few metrics and epochs left out) is read as on its first day."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hashbench.catalog import load_catalog
from hashbench.evaluation import evaluate
from hashbench.results.find import find_run, find_runs, open_run
from hashbench.results.per_query import per_query

OUT = Path(__file__).with_name("data")
RUN = OUT / "features-da1bd66a" / "lsh" / "8bit" / "seed0"
MAP = 0.834499515434516


def test_an_old_run_is_found_and_opened() -> None:
    run = open_run(RUN)
    assert (run.state, run.out, run.is_in_use) == ("finished", OUT, False)
    assert run.record.metrics["map"] == MAP
    assert len(run.record.curves["recall_by_radius"]) == 9
    found = find_runs(OUT)
    assert [other.path for other in found.runs] == [RUN]
    assert (found.problems, found.unfinished) == ([], 0)


def test_its_codes_give_its_metrics_again() -> None:
    codes = open_run(RUN).codes
    again = evaluate(
        codes.query_codes, codes.database_codes, codes.query_labels, codes.database_labels, bits=codes.bits
    )
    assert again.metrics["map"] == pytest.approx(MAP, abs=1e-15)
    assert codes.query_index.shape == (12,)
    assert set(codes.query_index).isdisjoint(codes.database_index)
    outputs = open_run(RUN).read_query_outputs()
    assert outputs is not None
    assert outputs.outputs.shape == (12, 8)
    assert outputs.images.tolist() == codes.query_index.tolist()


def test_its_values_a_query_are_read() -> None:
    run = open_run(RUN)
    assert list(run.per_query) == ["ap", "ap_worst", "ap_best", "precision@r2"]
    np.testing.assert_array_equal(per_query(run, "map"), run.per_query["ap"])
    assert per_query(run, "map").mean() == pytest.approx(MAP)


def test_it_is_known_by_its_identity_and_can_be_run_again() -> None:
    from hashbench.engine.config import read_config

    spec = read_config(RUN / "config.py", load_catalog(), out=OUT)
    assert (spec.method, spec.bits, spec.settings.topk) == ("lsh", 8, [10])
    identity = json.loads((RUN / "spec.json").read_text())
    assert identity.pop("fingerprint") == open_run(RUN).record.fingerprint
    run = find_run(OUT, identity)
    assert run is not None
    assert run.path == RUN
    assert find_run(OUT, identity | {"seed": 1}) is None
    assert find_run(OUT, identity | {"hparams": {"center": False}}) is None


def test_the_same_request_is_of_another_version_today_and_leaves_it_as_it_is(cli) -> None:
    """Its protocol had no optimizer then: another fingerprint, so another folder, and another table."""
    rng, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 20)
    centres = rng.normal(size=(3, 6))
    np.savez("data.npz", X=(centres[labels] + 0.5 * rng.normal(size=(60, 6))).astype("f4"), y=labels)
    shutil.copytree(OUT, "runs")
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    asked = ("--bits", 8, "--data-root", "data.npz", "--set", "protocol.topk=[10]")
    code, out, err = cli("run", "--method", "lsh", "--protocol", "features", *asked, "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["fingerprint"] != open_run(RUN).record.fingerprint
    assert record["metrics"]["map"] == pytest.approx(MAP)
    code, out, err = cli("sweep", "--methods", "lsh", "--protocols", "features", "--seeds", 0, *asked)
    assert code == 0, err
    assert "0 done, 1 finished before, 0 failed" in out
    assert {path: path.read_bytes() for path in before} == before


def test_the_leaderboard_has_its_row(cli) -> None:
    code, out, err = cli("leaderboard", OUT, "--csv", "board.csv")
    assert code == 0, err
    assert "lsh" in out
    header, row = Path("board.csv").read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=False))
    assert (values["fingerprint"], values["method"], values["bits"]) == ("da1bd66ae0ce5252", "lsh", "8")
    assert float(values["map_mean"]) == pytest.approx(MAP, abs=1e-6)
