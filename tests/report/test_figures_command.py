"""`hashbench figures` as a person meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hashbench.cli.app import _run
from hashbench.report.figures.kinds import KINDS
from hashbench.results.codes import RunCodes
from hashbench.results.folder import RunFolder
from hashbench.results.layout import method_dir_name
from hashbench.results.record import ResultRecord


def store(root: Path, method: str = "dsh", bits: int = 8, seed: int = 0, **changes) -> RunFolder:
    """A finished run with random codes."""
    record = {
        "fingerprint": "a1b2c3d4e5f6",
        "protocol": "digits",
        "method": method,
        "bits": bits,
        "seed": seed,
        "metrics": {"map": 0.5 + seed / 100, "quantization_error": 0.1, "precision@r2": 0.2, "recall@r2": 0.1},
        "history": [{"epoch": e, "loss": 1 / e, "val_map": e / 10, "beta": float(e)} for e in (1, 2, 3)],
        "backbone": "small_conv",
        "dataset": "digits",
    }
    result = ResultRecord.model_validate(record | changes)
    folder = RunFolder.at(root, result.protocol, method_dir_name(method, result.preset), bits, seed)
    rng = np.random.default_rng(seed)
    with folder.claim():
        folder.write_spec({})
        codes = RunCodes(
            query_codes=rng.integers(0, 2 ** min(bits, 8), (4, 1), dtype=np.uint8),
            database_codes=rng.integers(0, 2 ** min(bits, 8), (9, 1), dtype=np.uint8),
            query_labels=np.arange(4) % 3,
            database_labels=np.arange(9) % 3,
            query_index=np.arange(4),
            database_index=np.arange(9),
            bits=bits,
        )
        folder.write_codes(codes)
        folder.write_result(result)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for method in ("dsh", "csq"):
        for seed in (0, 1):
            store(tmp_path / "runs", method, seed=seed)
    return tmp_path / "runs"


def refused(capsys, *arguments: object) -> str:
    assert _run(["figures", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_all_that_the_runs_allow_is_drawn_and_listed(runs, tmp_path, capsys):
    out = tmp_path / "new" / "figures"
    assert _run(["figures", str(runs), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    made = {path.name for path in out.iterdir()} - {"index.md"}
    assert {
        "training-digits-8bit.png",
        "training-digits-8bit.pdf",
        "bits-digits.png",
        "distances-digits-8bit.pdf",
    } <= made
    index = (out / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([^)]+)\)", index)) == made
    row = next(text for text in index.splitlines() if "training-digits" in text)
    assert "2 runs: " in row
    assert "dsh" in row
    assert "fingerprint a1b2c3d4" in row
    for kind in ("optimizers", "sensitivity", "codes"):
        assert re.search(rf"^{kind} +not drawn: no run has ", printed, re.MULTILINE)
    assert f"{len(made)} files in {out}" in printed


def test_the_same_runs_give_the_same_files(runs, tmp_path):
    for name in ("a", "b"):
        assert _run(["figures", str(runs), "--out", str(tmp_path / name), "--kinds", "topk,bits,distances"]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_pdf_fonts_are_embedded_as_truetype(runs, tmp_path):
    assert _run(["figures", str(runs), "--out", str(tmp_path / "f"), "--kinds", "bits", "--format", "pdf"]) == 0
    content = (tmp_path / "f" / "bits-digits.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content
    assert not (tmp_path / "f" / "bits-digits.png").exists()


def test_methods_bits_and_protocol_choose_runs(runs, tmp_path):
    store(runs, "dsh", bits=4, protocol="cifar10", fingerprint="ffff")
    call = ["figures", str(runs), "--out", str(tmp_path / "f"), "--format", "png", "--kinds", "training"]
    assert _run([*call, "--methods", "dsh", "--bits", "4,8"]) == 0
    index = (tmp_path / "f" / "index.md").read_text()
    assert "csq" not in index
    assert {"training-cifar10-4bit.png", "training-digits-8bit.png"} <= {p.name for p in (tmp_path / "f").iterdir()}
    assert _run([*call, "--protocol", "cifar10"]) == 0
    assert "digits" not in (tmp_path / "f" / "index.md").read_text()


def test_wrong_requests_are_refused_in_one_line(runs, tmp_path, capsys):
    out = tmp_path / "f"
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert "no finished run" in refused(capsys, tmp_path / "empty", "--out", out)
    assert "no such folder" in refused(capsys, tmp_path / "nowhere", "--out", out)
    assert "Did you mean training" in refused(capsys, runs, "--out", out, "--kinds", "trainning")
    assert "no kind of figure given" in refused(capsys, runs, "--out", out, "--kinds", ",")
    assert "unknown format 'svg'" in refused(capsys, runs, "--out", out, "--format", "svg")
    assert "Did you mean dsh" in refused(capsys, runs, "--out", out, "--methods", "dsg")
    assert "no run with 64 bits" in refused(capsys, runs, "--out", out, "--bits", "64")
    assert "no run of protocol 'digit'" in refused(capsys, runs, "--out", out, "--protocol", "digit")
    assert not out.exists(), "nothing is made before a request is understood"
    message = refused(capsys, runs, "--out", out, "--kinds", "training,optimizers")
    assert "cannot draw optimizers: no run has oracle_calls" in message
    assert not out.exists()
    assert "cannot write to" in refused(capsys, runs, "--out", tmp_path / "file")
    assert "cannot write to" in refused(capsys, runs, "--out", tmp_path / "file" / "below")


def test_a_bad_result_and_bad_codes_are_named_left_out_and_the_exit_code_is_1(runs, tmp_path, capsys):
    (runs / "digits" / "dsh" / "8bit" / "seed0" / "codes.npz").write_bytes(b"PK")
    (runs / "digits" / "csq" / "8bit" / "seed1" / "result.json").write_text(json.dumps({"schema": 99}))
    call = ["figures", str(runs), "--out", str(tmp_path / "f"), "--format", "png", "--kinds", "topk,training"]
    assert _run(call) == 1
    errors = capsys.readouterr().err.splitlines()
    assert sum("csq/8bit/seed1/result.json: schema version 99" in line for line in errors) == 1
    assert sum("dsh/8bit/seed0/codes.npz: cannot be read" in line for line in errors) == 1
    assert (tmp_path / "f" / "topk-digits-8bit.png").exists()
    assert "codes.npz" in (tmp_path / "f" / "index.md").read_text()


def test_codes_that_no_run_has_say_why(runs, tmp_path, capsys):
    for path in runs.rglob("codes.npz"):
        path.write_bytes(b"PK")
    message = refused(capsys, runs, "--out", tmp_path / "f", "--kinds", "topk")
    assert "no run has a readable codes.npz" in message
    assert "cannot be read" in message


def test_help_names_every_kind(capsys):
    assert _run(["figures", "--help"]) == 0
    words = set(re.findall(r"[a-z-]+", capsys.readouterr().out.replace("-\n", "-")))
    assert set(KINDS) <= words
