"""The columns of a leaderboard: one more is one entry of one table, and metrics of one's own have theirs."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hashbench.cli.leaderboard import leaderboard
from hashbench.errors import UserError
from hashbench.evaluation.metrics import register
from hashbench.report.html_data import page_data
from hashbench.report.latex import to_latex
from hashbench.results import columns
from hashbench.results.average_rank import average_ranks
from hashbench.results.columns import COLUMNS, METRICS, Cell, Column
from hashbench.results.known_metric import known_metric
from hashbench.results.leaderboard import sections, table, to_csv, to_markdown

app = typer.Typer()
app.command()(leaderboard)


def mean_train_seconds(runs) -> float:
    return float(np.mean([run.timing["train_seconds"] for run in runs]))


@pytest.fixture
def records(make_record) -> list:
    return [
        make_record(
            "dsh", seed=seed, timing={"train_seconds": 10.0 + seed, "seconds_per_epoch": 1.0, "total_seconds": 20.0}
        )
        for seed in range(3)
    ]


@pytest.fixture
def one_more(monkeypatch) -> Column:
    column = Column("train_seconds", "train s", mean_train_seconds, digits=1, style="cost")
    monkeypatch.setattr(columns, "COLUMNS", [*COLUMNS, column])
    return column


def by_title(titles, cells) -> dict:
    return dict(zip(titles, cells, strict=True))


def test_one_entry_makes_a_column_everywhere(tmp_path: Path, records, one_more, store_record) -> None:
    frame = table(records)
    row = next(csv.DictReader(io.StringIO(to_csv(frame))))
    assert list(row)[-1] == "train_seconds"
    assert row["train_seconds"] == "11"
    (section,) = sections(frame)
    assert by_title(section.columns, section.rows[0])["train s"] == "11.0"
    head, _, line = (line for line in to_markdown(frame).splitlines() if line.startswith("|"))
    assert by_title(head.split(" | "), line.split(" | "))["train s |"] == "11.0 |"
    data = page_data(frame, records, metric="map")
    assert data["columns"][-1] == {"title": "train s", "style": "cost", "sorts": True, "descending": False}
    assert data["tables"][0]["rows"][0]["cells"][-1] == [11.0, "11.0"]
    for record in records:
        store_record(tmp_path / "runs", record)
    result = CliRunner().invoke(app, [str(tmp_path / "runs")])
    (head,) = [line for line in result.stdout.splitlines() if "train s" in line]
    assert "11.0" in result.stdout
    assert head.rstrip(" ┃").endswith("train s")


def test_a_column_may_be_in_some_places_only(records, monkeypatch) -> None:
    added = [
        Column("epochs", value=lambda runs: 5),
        Column(title="twice", cell=lambda row: Cell(f"{2 * row['seeds']}"), places=frozenset(("markdown",))),
    ]
    monkeypatch.setattr(columns, "COLUMNS", [*COLUMNS, *added])
    frame = table(records)
    assert list(frame.columns)[-1] == "epochs"
    assert "epochs" not in sections(frame)[0].columns
    assert "| twice |" in to_markdown(frame)
    assert "twice" not in sections(frame)[0].columns
    assert "twice" not in [column["title"] for column in page_data(frame, records, metric="map")["columns"]]


def test_values_of_any_kind_have_a_cell() -> None:
    row = {"a": 0.125, "b": math.nan, "c": 3, "d": "word", "e": None}
    cells = {name: Column(name, name, digits=2).cell_of(row) for name in row}
    assert [cell.plain for cell in cells.values()] == ["0.12", "–", "3", "word", ""]
    assert [cell.order for cell in cells.values()] == [0.125, None, 3, "word", None]


def test_every_name_is_there_once() -> None:
    names = [column.name for column in COLUMNS if column.name]
    titles = [column.title for column in COLUMNS if column.title]
    assert len(set(names)) == len(names)
    assert len(set(titles)) == len(titles)
    assert COLUMNS.count(METRICS) == 1


# --- metrics of one's own


def of_runs(make_record, values: dict[str, list[float]]) -> list:
    return [
        make_record(method, seed=seed, metrics={"map": 0.5, "first_hit": value})
        for method, of_method in values.items()
        for seed, value in enumerate(of_method)
    ]


@pytest.fixture
def first_hit(metric_table) -> None:
    register(
        lambda counts: counts.p.sum(axis=1),
        name="first_hit",
        label="rank of the first hit",
        higher_is_better=False,
        digits=1,
    )


VALUES = {"near": [2.0, 2.1, 2.2], "far": [9.0, 9.1, 9.2]}


def test_a_metric_of_ones_own_is_shown_sorted_and_ranked(make_record, first_hit) -> None:
    records = of_runs(make_record, VALUES)
    frame = table(records, metric="first_hit")
    assert list(frame["method"]) == ["near", "far"]  # less is better
    assert list(frame["rank"]) == [1, 2]
    (section,) = sections(frame, metric="first_hit")
    assert by_title(section.columns, section.rows[0])["first_hit"] == "2.1 ± 0.1"
    assert "first_hit" in sections(table(records))[0].columns
    latex = to_latex(frame, metric="first_hit")
    assert "\\textbf{2.1}" in latex
    assert "rank of the first hit" in latex
    data = page_data(frame, records, metric="first_hit")
    (column,) = [one for one in data["columns"] if one["title"] == "first_hit"]
    assert (column["style"], column["descending"]) == ("main", False)
    records += [record.model_copy(update={"bits": 32}) for record in records]
    by_rank = average_ranks(table(records, metric="first_hit"), "first_hit", higher_is_better=False)
    assert by_rank.methods == ["near", "far"]


def test_a_metric_that_nobody_here_knows_has_its_columns_and_is_not_ranked_by(make_record) -> None:
    records = of_runs(make_record, VALUES)
    frame = table(records)
    assert frame["first_hit_mean"].notna().all()
    assert "first_hit" not in sections(frame)[0].columns
    with pytest.raises(
        UserError, match=r"'first_hit': nothing here says .* with --import, or its plugin with --plugin"
    ):
        table(records, metric="first_hit")
    data = page_data(frame, records, metric="map")
    assert "first_hit" in data["metrics"]  # an opened row shows it


FILE = """
from hashbench.registry import METRICS

@METRICS.register_module("first_hit", label="rank of the first hit", higher_is_better=False)
def first_hit(counts):
    return counts.p.sum(axis=1)
"""
PLUGIN = "metrics: {first_hit: {class: 'own_metric_of_a_plugin:first_hit', title: 'rank of the first hit'}}"


@pytest.fixture
def runs(tmp_path: Path, make_record, store_record) -> Path:
    for record in of_runs(make_record, VALUES):
        store_record(tmp_path / "runs", record)
    return tmp_path / "runs"


@pytest.fixture
def forgotten(metric_table):
    """What the registry has learned is forgotten again."""
    yield
    from hashbench.registry import METRICS

    METRICS.unregister("first_hit")


@pytest.mark.parametrize("way", ["--import", "--plugin"])
def test_the_leaderboard_is_told_by_import_or_plugin(runs: Path, tmp_path: Path, cli, forgotten, way: str) -> None:
    code, _, err = cli("leaderboard", runs, "--metric", "first_hit")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--import" in err
    assert "--plugin" in err
    name = {"--import": "own_metric_of_a_file", "--plugin": "own_metric_of_a_plugin"}[way]
    (tmp_path / f"{name}.py").write_text(FILE)
    (tmp_path / "registry.yaml").write_text(PLUGIN)
    given = {"--import": tmp_path / f"{name}.py", "--plugin": tmp_path}[way]
    code, out, err = cli("leaderboard", runs, "--metric", "first_hit", way, given, "--html", tmp_path / "l.html")
    assert code == 0, err
    assert out.index("near") < out.index("far")
    assert known_metric("first_hit").metric.label == "rank of the first hit"


def test_a_plugin_whose_function_is_not_decorated_is_refused(runs: Path, tmp_path: Path, cli, metric_table) -> None:
    (tmp_path / "own_plain_function.py").write_text("def first_hit(counts):\n    return 1.0\n")
    (tmp_path / "registry.yaml").write_text("metrics: {first_hit: {class: 'own_plain_function:first_hit', title: x}}")
    code, _, err = cli("leaderboard", runs, "--plugin", tmp_path)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "own_plain_function:first_hit is not decorated" in err
