"""Arithmetic of the comparison, when it is one, and how it is written."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest

from hashbench.reproduce.plan import make_plan, run_key
from hashbench.reproduce.planner import Choices
from hashbench.reproduce.rows import make_rows
from hashbench.reproduce.write import number, to_csv, to_markdown

DATA = Choices(roots={"": Path("data")})


def row_of(rows, method, metric="map", bits=48):
    (found,) = [row for row in rows if (row.name, row.metric, row.bits) == (method, metric, bits)]
    return found


@pytest.fixture
def linf(catalog, record):
    """linf-table2 at cpu: three seeds of ksh (0.30, 0.31, 0.35) and of lsh, nothing of the others."""
    plan = make_plan("linf-table2", "cpu", catalog, DATA)
    values = {0: 0.30, 1: 0.31, 2: 0.35}
    records = {
        run_key(spec): record(spec, map=values[spec.seed], recall_at_r0=1e-7)
        for spec in plan.runs
        if spec.method in ("ksh", "lsh")
    }
    return plan, records, make_rows(plan, records)


def test_difference_is_mean_minus_printed(linf):
    row = row_of(linf[2], "ksh")
    assert row.mean == pytest.approx(0.32)
    assert row.std == pytest.approx(math.sqrt((0.02**2 + 0.01**2 + 0.03**2) / 2))
    assert row.printed == pytest.approx(0.3110)
    assert row.difference == pytest.approx(0.0090)
    assert row.seeds == 3


def test_the_papers_own_protocol_is_comparable_with_caveats(linf):
    row = row_of(linf[2], "ksh")
    assert row.comparable == "with caveats"
    assert "random split" in row.reason


def test_rows_of_a_method_stand_together(linf):
    assert [(row.name, row.bits) for row in linf[2]][:4] == [("ksh", 48), ("ksh", 64), ("agh1", 48), ("agh1", 64)]


def test_what_is_not_printed_or_not_measured_has_no_difference(linf):
    unprinted, unmeasured = row_of(linf[2], "lsh"), row_of(linf[2], "nnh@gist")
    assert math.isnan(unprinted.printed)
    assert (unprinted.comparable, unprinted.seeds) == ("", 3)
    assert (unmeasured.seeds, math.isnan(unmeasured.mean), math.isnan(unmeasured.difference)) == (0, True, True)
    assert unmeasured.printed == pytest.approx(0.3121)


def test_another_protocol_is_not_comparable(catalog, record):
    plan = make_plan("table3", "smoke", catalog, Choices(methods=["dsh"]))
    (row,) = make_rows(plan, {run_key(spec): record(spec, map=0.9) for spec in plan.runs})
    assert row.difference == pytest.approx(0.9 - 0.7403)
    assert row.comparable == "no"
    assert "dataset" in row.reason
    text = to_markdown(plan, [row], [])
    assert "## cifar10, map (ours: digits)" in text
    assert "**Not comparable**" in text
    assert "| dsh    | 0.9000 (0.7403, +0.1597) | no " in text


def test_gains_are_relative_and_times_are_of_another_machine(catalog, record):
    plan = make_plan("table7", "full", catalog, Choices(roots={"cifar10": Path("data")}, seeds=[0]))
    values = {"dualhash_wcr": 0.8, "dualhash_stom": 0.88}
    records = {
        run_key(spec): record(spec, seconds=5.0, map=values[spec.method], precision_at_r2=0.5)
        for spec in plan.runs
        if spec.method in values
    }
    rows = [row for row in make_rows(plan, records) if row.dataset == "cifar10"]
    gain = row_of(rows, "dualhash_stom", "map gain over dualhash_wcr", bits=64)
    assert gain.mean == pytest.approx(0.1)
    assert gain.difference == pytest.approx(0.001)
    assert not [row for row in rows if row.method == "dualhash_wcr" and "gain" in row.metric]
    time = row_of(rows, "dualhash_stom", "seconds_per_epoch", bits=64)
    assert (time.mean, time.printed, time.comparable, time.reason) == (5.0, 6.86, "no", "another machine")


def test_markdown_has_reductions_numbers_and_where_they_come_from(linf):
    plan, records, rows = linf
    text = to_markdown(plan, rows, records.values(), ["cifar10-linf agh1: failed: no room"])
    assert "- nothing is reduced" in text
    assert "comparable, with caveats" in text
    assert "0.3200 ± 0.0265 (0.3110, +0.0090)" in text
    assert "– (0.3121)" in text  # nnh is not measured
    assert "1.0e-07" in text
    assert "12 runs, 720 s in all, 2026-11-22" in text
    assert "commit abc with changes" in text
    assert "agh1: failed: no room" in text


def test_csv_holds_every_row_and_empty_cells_for_what_is_missing(linf):
    plan, _, rows = linf
    read = list(csv.DictReader(io.StringIO(to_csv(plan.name, plan.budget, rows))))
    assert len(read) == len(rows) == 11 * 2 * 7
    first = read[0]
    assert (first["target"], first["budget"], first["method"], first["mean"]) == ("linf-table2", "cpu", "ksh", "0.32")
    assert [row["mean"] for row in read if row["method"] == "nnh"] == [""] * 14


def test_small_numbers_keep_their_digits():
    assert [number(value) for value in (0.5, 0.00099, 0.0, 5e-19)] == ["0.5000", "9.9e-04", "0", "0"]
