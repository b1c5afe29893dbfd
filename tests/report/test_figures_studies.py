"""Figures of `hashbench tune`'s studies: every mark is a trial, and failures are seen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashbench.cli.app import _run
from hashbench.report.figures.studies import StudySheet, study_sheet
from hashbench.report.figures.style import house_style
from hashbench.tuning.study import Study, Trial

SPACE: dict[str, dict[str, list[Any]]] = {
    "optimizer.lr": {"log": [0.01, 1.0]},
    "margin": {"uniform": [0.0, 8.0]},
    "mode": {"choice": ["soft", "hard"]},
}
VALUES = [
    {},
    {"optimizer.lr": 0.2, "margin": 3.0, "mode": "hard"},
    {"optimizer.lr": 0.02, "margin": 5.0, "mode": "soft"},
    {"optimizer.lr": 0.9, "margin": 1.0, "mode": "hard"},
]
SCORES = [0.70, 0.75, 0.72, math.nan]


def a_study(values=VALUES, scores=SCORES, search=SPACE) -> Study:
    trials = [
        Trial(number=number, values=of_trial, score=score, failure=None if math.isfinite(score) else "diverged")
        for number, (of_trial, score) in enumerate(zip(values, scores, strict=True))
    ]
    run = {
        "preset": "default", "protocol": "digits", "bits": 32, "seed": 0, "settings": {"primary": "map@100", "epochs": 20},
        "hparams": {"margin": 2.0, "mode": "soft"}, "optimizer": {"type": "SGD", "lr": 0.1}, "schedule": {},
    }  # fmt: skip
    return Study(method="dsh", preset=None, sets=[], sampler="named", seed=0, search=search, run=run, trials=trials)


def drawn(sheet: StudySheet | None) -> list[Any]:
    assert sheet is not None
    with house_style():
        (page,) = sheet.pages({})
    return page.figure.axes


def points(ax: Any, marker: str) -> list[tuple[float, float]]:
    """All marks of one kind."""
    lines = [line for line in ax.lines if line.get_marker() == marker and line.get_markeredgewidth() != 1.3]
    return [(round(float(x), 6), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)]


def best(ax: Any) -> tuple[float, float]:
    (line,) = [line for line in ax.lines if line.get_markeredgewidth() == 1.3]
    return tuple(float(value[0]) for value in line.get_data())


def test_every_trial_is_a_mark_over_each_hyper_parameter() -> None:
    sheet = study_sheet(Path("here/s.json"), a_study())
    assert sheet.name == "sensitivity-s"
    assert sheet.heading == "digits · dsh · 32 bits · seed 0 · validation"
    assert list(sheet.cells) == ["optimizer.lr", "margin", "mode", "optimizer.lr, margin"]
    rate, margin, mode, pair, bar = drawn(sheet)
    assert points(rate, "o") == [(0.1, 0.70), (0.2, 0.75), (0.02, 0.72)]  # the defaults' own value first
    assert points(margin, "o") == [(2.0, 0.70), (3.0, 0.75), (5.0, 0.72)]
    assert best(rate) == (0.2, 0.75)
    assert points(rate, "s") == [(0.1, 0.70)]
    assert points(rate, "x") == [(0.9, 0.70)]  # where the axis ends
    assert (rate.get_xscale(), margin.get_xscale()) == ("log", "linear")
    assert [text.get_text() for text in mode.get_xticklabels()] == ["soft", "hard"]
    assert [round(x) for x, _ in points(mode, "o")] == [0, 1, 0]
    assert (rate.get_ylabel(), margin.get_ylabel()) == ("validation mAP@100", "")

    (cloud,) = pair.collections
    assert cloud.get_offsets().tolist() == [[2.0, 0.1], [3.0, 0.2], [5.0, 0.02]]
    assert cloud.get_array().tolist() == [0.70, 0.75, 0.72]
    assert (pair.get_xlabel(), pair.get_ylabel()) == ("margin", "optimizer.lr")
    assert points(pair, "x") == [(1.0, 0.9)]
    assert bar.texts[0].get_text() == "validation mAP@100"


def test_scores_far_below_the_rest_lie_at_the_axis_as_triangles() -> None:
    values = [{}, *({"margin": float(n)} for n in range(3, 10))]
    scores = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.1]
    (ax,) = drawn(study_sheet(Path("s.json"), a_study(values, scores, {"margin": {"uniform": [0, 9]}})))
    quarter = np.quantile(scores, 0.25)
    assert points(ax, "v") == [(9.0, pytest.approx(quarter - (0.96 - quarter)))]
    assert len(points(ax, "o")) == 7
    assert ax.get_ylim()[0] > 0.8
    near = drawn(study_sheet(Path("s.json"), a_study(values, [*scores[:-1], 0.85], {"margin": {"uniform": [0, 9]}})))
    assert points(near[0], "v") == []


def test_pairs_of_many_hyper_parameters_are_not_drawn() -> None:
    search = {name: {"uniform": [0, 1]} for name in "abcd"}
    values = [{name: (number + place) % 5 / 5 for place, name in enumerate("abcd")} for number in range(5)]
    assert list(study_sheet(Path("s.json"), a_study(values, [0.1] * 5, search)).cells) == list("abcd")


def test_nothing_varies_or_nothing_has_a_score_no_sheet() -> None:
    assert study_sheet(Path("s.json"), a_study(VALUES[:1], SCORES[:1])) is None
    assert study_sheet(Path("s.json"), a_study(VALUES, [math.nan] * 4)) is None
    assert study_sheet(Path("s.json"), a_study([], [])) is None


def test_the_command_takes_study_files(tmp_path: Path, capsys) -> None:
    a_study().save(tmp_path / "dsh.json")
    out = tmp_path / "f"
    assert _run(["figures", str(tmp_path / "dsh.json"), "--out", str(out), "--format", "png"]) == 0
    assert {path.name for path in out.iterdir()} == {"sensitivity-dsh.png", "tuning-digits.png", "index.md"}
    (row,) = [line for line in (out / "index.md").read_text(encoding="utf-8").splitlines() if "sensitivity-dsh" in line]
    assert f"4 trials: {tmp_path / 'dsh.json'}" in row
    assert "Crosses: 1 that failed" in row
    assert "not drawn" not in capsys.readouterr().out


def test_wrong_studies_are_refused_in_one_line(tmp_path: Path, capsys) -> None:
    def refused(*words: object) -> str:
        assert _run(["figures", *map(str, words), "--out", str(tmp_path / "f")]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1, message
        return message

    (tmp_path / "torn.json").write_text('{"study": 1, "method')
    assert "torn.json: not a study of `hashbench tune`" in refused(tmp_path / "torn.json")
    assert not (tmp_path / "f").exists()
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        a_study().save(folder / "dsh.json")
    assert "two studies are named dsh" in refused(tmp_path / "dsh.json", tmp_path / "other" / "dsh.json")
    assert "cannot draw training: no run has" in refused(tmp_path / "dsh.json", "--kinds", "training")
    a_study(VALUES[:1], SCORES[:1]).save(tmp_path / "one.json")
    assert "no study of `hashbench tune` with two scores" in refused(tmp_path / "one.json")
