"""Tuning curves as figures: the numbers of the curves, over trials and over epochs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from curve_studies import a_study
from refusal import assert_refused

from hashbench.report.figures.budgets import budget_sheets
from hashbench.report.figures.style import house_style, styles
from hashbench.report.figures.write_sheets import write_sheets
from hashbench.tuning.tuning_curves import tuning_curves

WILD = [0.9, math.nan, 0.5, 0.7] * 3
STEADY = [0.70, 0.71, 0.72, 0.73] * 3


def sheets(*studies):
    return budget_sheets(tuning_curves([(Path(f"s{number}.json"), study) for number, study in enumerate(studies)]))


def axes_of(sheet) -> list:
    with house_style():
        (page,) = sheet.pages(styles(list(sheet.sources)))
    return page.figure.axes


def test_a_panel_for_each_length_shows_mean_and_band_within_the_scores() -> None:
    studies = [a_study("wild", WILD), a_study("steady", STEADY), a_study("steady", STEADY, bits=32)]
    (sheet,) = sheets(*studies)
    (at16, at32) = tuning_curves([(Path(f"{n}"), study) for n, study in enumerate(studies)])
    assert sheet.name == "tuning-digits"
    assert list(sheet.sources) == ["wild", "steady"]
    assert sheet.made_from(["wild", "steady"]) == "1 study: wild; 2 studies: steady"
    left, right = axes_of(sheet)
    assert (left.get_xlabel(), left.get_ylabel()) == ("trials n", "validation mAP, 16 bits")
    assert right.get_ylabel() == "validation mAP, 32 bits"
    assert (len(left.lines), len(right.lines)) == (2, 1)
    for line, curve in zip(left.lines, at16.curves, strict=True):
        assert line.get_xdata().tolist() == list(range(1, 13))
        np.testing.assert_allclose(line.get_ydata(), curve.mean)
    band = left.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(0.9)  # no band above the best that there is
    assert (
        at16.curves[0].mean[0] < left.get_ylim()[0] < at16.curves[0].mean[2]
    )  # the first trials do not squeeze all others
    assert "wild" in sheet.caption  # no epochs
    assert len(at32.curves) == 1


def test_costs_are_panels_beside_those_of_trials() -> None:
    halved = [4] * 6 + [8] * 3 + [16] * 3
    (sheet,) = sheets(a_study("wild", WILD, epochs=halved), a_study("shallow", STEADY))
    trials, epochs = axes_of(sheet)
    assert (trials.get_xlabel(), epochs.get_xlabel()) == ("trials n", "epochs of n trials")
    assert (len(trials.lines), len(epochs.lines)) == (2, 1)
    np.testing.assert_allclose(epochs.lines[0].get_xdata(), 8 * np.arange(1, 13))
    assert "lower bounds" in sheet.caption
    assert "do not keep: shallow" in sheet.caption


def test_protocols_are_sheets_of_their_own_with_files_of_their_own(tmp_path: Path) -> None:
    both = sheets(a_study(), a_study(protocol="cifar10"))
    assert [sheet.name for sheet in both] == ["tuning-cifar10", "tuning-digits"]
    written = write_sheets(both, tmp_path / "c.pdf")
    assert written == [tmp_path / "c-1.pdf", tmp_path / "c-2.pdf"]
    assert all(path.read_bytes().startswith(b"%PDF") for path in written)
    assert write_sheets(both[:1], tmp_path / "c.png") == [tmp_path / "c.png"]


def test_the_command_draws_them_with_the_other_figures_of_studies(cli, tmp_path: Path) -> None:
    for method, scores in (("wild", WILD), ("steady", STEADY)):
        a_study(method, scores).save(tmp_path / f"{method}.json")
    code, out, err = cli("figures", "wild.json", "steady.json", "--out", "f", "--format", "png")
    assert code == 0, err
    assert {path.name for path in (tmp_path / "f").iterdir()} == {
        "sensitivity-wild.png",
        "sensitivity-steady.png",
        "tuning-digits.png",
        "index.md",
    }
    (row,) = [line for line in (tmp_path / "f" / "index.md").read_text().splitlines() if "tuning-digits" in line]
    assert "1 study: wild, steady" in row

    a_study("wild", WILD).save(tmp_path / "copy.json")
    code, out, err = cli("figures", "wild.json", "copy.json", "--out", "g", "--format", "png")
    assert code == 0, err
    assert "tuning" in out
    assert "two studies of wild at 16 bits with seed 0" in out
    words = ("figures", "wild.json", "copy.json", "--out", "h", "--kinds", "tuning")
    assert_refused(cli(*words), "cannot draw tuning", "two studies of wild")
