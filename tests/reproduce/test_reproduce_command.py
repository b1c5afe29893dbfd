"""`hashbench reproduce` from an empty folder: what it prints and writes, and that a second call runs nothing."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

CALL = ("reproduce", "linf-table2", "--methods", "ksh,lsh", "--out", "made", "--jobs", "1")


def test_smoke_compares_marks_and_runs_nothing_twice(cli):
    code, out, err = cli(*CALL)
    assert code == 0, err
    assert "reduced: cifar10-gist384: protocol digits instead of cifar10-linf" in err
    assert "**Not comparable**" in out
    assert Path("made/linf-table2-smoke.md").read_text() in out
    with open("made/linf-table2-smoke.csv") as file:
        rows = {(row["method"], row["metric"]): row for row in csv.DictReader(file)}
    ksh = rows["ksh", "map"]
    assert ksh["comparable"] == "no"
    assert float(ksh["printed"]) == pytest.approx(0.3110)
    assert float(ksh["difference"]) == pytest.approx(float(ksh["mean"]) - 0.3110, abs=1e-5)
    assert float(ksh["mean"]) > 0.5  # chance is 0.1
    assert rows["lsh", "map"]["printed"] == rows["lsh", "map"]["difference"] == ""

    results = sorted(Path("made").rglob("result.json"))
    assert len(results) == 2
    before = {path: os.stat(path).st_mtime_ns for path in results}
    code, again, err = cli(*CALL)
    assert (code, again) == (0, out)
    assert "runs to do" not in err
    assert {path: os.stat(path).st_mtime_ns for path in sorted(Path("made").rglob("result.json"))} == before


def test_without_a_name_it_lists_what_there_is(cli):
    code, out, _ = cli("reproduce")
    assert code == 0
    for word in ("table2", "fig4", "linf-table3", "Table VII"):
        assert word in out


@pytest.mark.slow
def test_a_figure_is_drawn_from_its_runs(cli):
    code, out, err = cli("reproduce", "fig8", "--methods", "dualhash_stom,hashnet", "--epochs", "1", "--jobs", "1")
    assert code == 0, err
    assert "figures in runs/fig8-smoke" in out
    assert list(Path("runs/fig8-smoke").glob("distances*.png"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tabel2"], "Did you mean table2"),
        (["table2", "--budget", "cpu"], "needs --data-root cifar10=PATH and --weights FILE"),
        (["table2", "--budget", "tiny"], "no such budget"),
        (["table2", "--data-root", "cifar=."], "no data set named 'cifar'"),
        (["table2", "--data-root", "cifar10=nowhere"], "no such file or folder: nowhere"),
        (["table2", "--methods", "dhs"], "Did you mean"),
        (["table2", "--methods", ","], "expected names"),
        (["table2", "--bits", "sixteen"], "expected whole numbers"),
        (["table2", "--bits", "0"], "code length"),
        (["table2", "--epochs", "0"], "epochs"),
    ],
)
def test_bad_input_is_one_line(cli, words, said):
    code, _, err = cli("reproduce", *words)
    assert code == 2
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    assert said in err
