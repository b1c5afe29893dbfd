"""`hashbench leaderboard` and `hashbench env` as a person meets them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hashbench.cli.env import env
from hashbench.cli.leaderboard import leaderboard
from hashbench.errors import UserError

app = typer.Typer()
app.command()(leaderboard)
app.command()(env)


@pytest.fixture
def runs(tmp_path: Path, make_record, store_record) -> Path:
    for method, base in (("dsh", 0.5), ("csq", 0.8)):
        for seed in range(3):
            store_record(tmp_path / "runs", make_record(method, seed=seed, value=base + seed / 100))
    store_record(tmp_path / "runs", make_record("dsh", bits=32))
    other = make_record("dsh", protocol="cifar10", fingerprint="ffff")
    store_record(tmp_path / "runs", other)
    return tmp_path / "runs"


def call(*arguments: object):
    return CliRunner().invoke(app, ["leaderboard", *map(str, arguments)])


def refused(*arguments: object) -> str:
    result = call(*arguments)
    assert isinstance(result.exception, UserError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_table_is_printed_and_written(runs: Path, tmp_path: Path) -> None:
    result = call(runs, "--csv", tmp_path / "l.csv", "--markdown", tmp_path / "l.md")
    assert result.exit_code == 0, result.output
    assert result.stdout.index("cifar10 · fingerprint ffff") < result.stdout.index("digits · fingerprint a1b2c3d4")
    assert "0.810 ± 0.010 [0.78, 0.83]" in result.stdout
    with open(tmp_path / "l.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["protocol"], r["method"], r["bits"], r["seeds"]) for r in rows] == [
        ("cifar10", "dsh", "16", "1"),
        ("digits", "csq", "16", "3"),
        ("digits", "dsh", "16", "3"),
        ("digits", "dsh", "32", "1"),
    ]
    assert (tmp_path / "l.md").read_text(encoding="utf-8").count("## ") == 2


def test_filters_by_protocol_bits_and_metric(runs: Path, tmp_path: Path) -> None:
    csv_file = tmp_path / "l.csv"
    assert (
        call(runs, "--protocol", "digits", "--bits", "32,16", "--metric", "map_best", "--csv", csv_file).exit_code == 0
    )
    assert len(csv_file.read_text().splitlines()) == 4
    assert call(runs, "--bits", "32", "--csv", csv_file).exit_code == 0
    assert len(csv_file.read_text().splitlines()) == 2


def test_filters_by_method(runs: Path, tmp_path: Path) -> None:
    assert call(runs, "--methods", "csq", "--csv", tmp_path / "l.csv").exit_code == 0
    assert len((tmp_path / "l.csv").read_text().splitlines()) == 2
    assert "Did you mean dsh" in refused(runs, "--methods", "csq,dhs")
    assert "no run of method 'csq'" in refused(runs, "--protocol", "cifar10", "--methods", "csq")
    assert "names with commas" in refused(runs, "--methods", "dsh,")


def test_latex_and_html_are_written(runs: Path, tmp_path: Path) -> None:
    result = call(runs, "--latex", tmp_path / "l.tex", "--html", tmp_path / "l.html")
    assert result.exit_code == 0, result.output
    latex = (tmp_path / "l.tex").read_text(encoding="utf-8")
    assert latex.count("\\begin{table}") == 2
    assert "\\textbf{0.810}" in latex
    page = (tmp_path / "l.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '"runs":8,"left_out":0' in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.html", "l.tex", "runs"]  # nothing half-written


def per_query(runs: Path, method: str, seed: int, values: np.ndarray, bits: int = 16) -> None:
    np.savez(runs / "digits" / method / f"{bits}bit" / f"seed{seed}" / "per_query.npz", ap=values)


def test_compare_prints_difference_interval_p_and_verdict(runs: Path) -> None:
    hard = np.random.default_rng(0).uniform(size=200)
    for seed in range(3):
        per_query(runs, "csq", seed, hard + 0.1)
        per_query(runs, "dsh", seed, hard)
    result = call(runs, "--protocol", "digits", "--compare", "csq", "dsh")
    assert result.exit_code == 0, result.output
    assert "map: csq minus dsh" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "+0.1000" in line and "[" in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == [
        "digits (a1b2c3d4)", "16", "3 seeds", "200", "+0.1000", "[+0.1000, +0.1000]", "< 0.002", "csq is higher",
    ]  # fmt: skip
    noise = np.random.default_rng(1).normal(0, 0.1, 200)
    for seed in range(3):
        per_query(runs, "csq", seed, hard + noise - noise.mean())
    for seed in (1, 2):
        (runs / "digits" / "csq" / "16bit" / f"seed{seed}" / "result.json").unlink()
    result = call(runs, "--protocol", "digits", "--compare", "csq", "dsh")
    assert "not separable" in result.stdout
    assert "1 seed " in result.stdout


def test_ranks_use_the_values_a_query_and_say_where_there_are_none(runs: Path, tmp_path: Path) -> None:
    steady = np.random.default_rng(0).uniform(-0.1, 0.1, 200)
    for seed in range(3):
        per_query(runs, "csq", seed, 0.81 + steady)
        per_query(runs, "dsh", seed, 0.51 + steady)
    ask = (runs, "--protocol", "digits", "--bits", "16")
    result = call(*ask, "--csv", tmp_path / "l.csv")
    assert result.exit_code == 0, result.output
    assert "seeds alone" not in result.stdout
    assert ",1,1,seeds and queries," in (tmp_path / "l.csv").read_text()
    result = call(*ask, "--metric", "map_best")  # no value a query of it was kept
    assert result.exit_code == 0, result.output
    assert "Ranks over seeds alone at 16 bits: not every row keeps map_best for each query." in result.stdout

    torn = runs / "digits" / "csq" / "16bit" / "seed1" / "per_query.npz"
    torn.write_bytes(torn.read_bytes()[:100])
    result = call(*ask, "--csv", tmp_path / "l.csv", "--html", tmp_path / "l.html")
    assert result.exit_code == 1
    assert result.stderr.count(f"{torn}: cannot be read") == 1
    assert "Ranks over seeds alone" in result.stdout
    assert ",1,1,seeds," in (tmp_path / "l.csv").read_text()
    assert '"runs":6,"left_out":0' in (tmp_path / "l.html").read_text(encoding="utf-8")


def test_average_rank_is_printed_and_drawn(runs: Path, tmp_path: Path, make_record, store_record) -> None:
    store_record(runs, make_record("csq", bits=32, value=0.9))
    store_record(runs, make_record("lsh", bits=32, value=0.1))
    result = call(runs, "--protocol", "digits", "--average-rank")
    assert result.exit_code == 0, result.output
    assert "Friedman" in result.stdout
    assert "Left out, not in all of them: lsh" in result.stdout
    result = call(runs, "--protocol", "digits", "--critical-difference", tmp_path / "cd.png")
    assert result.exit_code == 0, result.output
    assert "Average rank" in result.stdout
    assert (tmp_path / "cd.png").read_bytes().startswith(b"\x89PNG")
    assert "name a .png or .pdf" in refused(runs, "--protocol", "digits", "--critical-difference", tmp_path / "cd.gif")
    assert "two protocols or code lengths" in refused(runs, "--protocol", "cifar10", "--average-rank")


def test_unfinished_runs_are_mentioned(runs: Path) -> None:
    (runs / "digits" / "dsh" / "32bit" / "seed0" / "result.json").unlink()
    result = call(runs)
    assert result.exit_code == 0
    assert "1 unfinished run is not shown" in result.stderr


def test_problems_are_named_exit_is_1_and_the_table_is_written(runs: Path, tmp_path: Path) -> None:
    bad = runs / "digits" / "dsh" / "32bit" / "seed0" / "result.json"
    bad.write_text("{")
    result = call(runs, "--csv", tmp_path / "l.csv")
    assert result.exit_code == 1
    assert str(bad) in result.stderr
    assert str(bad) not in result.stdout
    assert len((tmp_path / "l.csv").read_text().splitlines()) == 4


def test_nothing_but_corrupt_results_is_exit_1_with_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "result.json").write_text("{")
    result = call(
        tmp_path / "runs", "--csv", tmp_path / "l.csv", "--html", tmp_path / "l.html", "--latex", tmp_path / "l.tex"
    )
    assert result.exit_code == 1
    assert result.stdout == ""
    assert '"tables":[]' in (tmp_path / "l.html").read_text(encoding="utf-8")
    assert len((tmp_path / "l.csv").read_text().splitlines()) == 1


def test_wrong_requests_say_what_there_is(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no finished run" in refused(tmp_path / "empty")
    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "no run with 24, 48 bits. There are runs with 16, 32 bits." in refused(runs, "--bits", "48,16,24")
    assert "There are runs with 16 bits" in refused(runs, "--protocol", "cifar10", "--bits", "32")
    for wrong in ("0", "3.5", "-8", "many", "16,", ""):
        assert "whole numbers" in refused(runs, "--bits", wrong)
    assert "Did you mean digits" in refused(runs, "--protocol", "digit")
    assert "Did you mean map" in refused(runs, "--metric", "mapp")


@pytest.mark.parametrize("option", ["--csv", "--markdown", "--latex", "--html"])
def test_unwritable_files_are_refused(runs: Path, tmp_path: Path, option: str) -> None:
    assert "cannot write to" in refused(runs, option, tmp_path / "nowhere" / "l.out")
    assert "it is a folder" in refused(runs, option, tmp_path)
    assert "it is a folder" in refused(runs, option, ".")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_result_of_another_schema_is_named_left_out_of_the_page_and_exit_is_1(runs: Path, tmp_path: Path) -> None:
    old = runs / "digits" / "dsh" / "32bit" / "seed0" / "result.json"
    old.write_text(old.read_text().replace('"schema": 1', '"schema": 0'))
    result = call(runs, "--html", tmp_path / "l.html", "--latex", tmp_path / "l.tex")
    assert result.exit_code == 1
    assert f"{old}: schema version 0, this hashbench reads 1" in result.stderr
    assert '"runs":7,"left_out":1' in (tmp_path / "l.html").read_text(encoding="utf-8")


def test_env_prints_versions_and_json() -> None:
    plain = CliRunner().invoke(app, ["env"])
    assert plain.exit_code == 0
    assert "versions.torch" in plain.stdout
    found = json.loads(CliRunner().invoke(app, ["env", "--json"]).stdout)
    assert isinstance(found["gpus"], list)
    assert found["threads"] >= 1
