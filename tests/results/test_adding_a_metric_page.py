"""What docs/adding_a_metric.md says can be run as it stands."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from hashbench.results import columns

PAGE = (Path(__file__).parents[2] / "docs" / "adding_a_metric.md").read_text(encoding="utf-8")


@pytest.fixture
def forgotten(metric_table):
    """What the registry has learned is forgotten again."""
    yield
    from hashbench.registry import METRICS

    METRICS.unregister("first_hit")


def test_the_file_and_its_commands(tmp_path: Path, cli, forgotten) -> None:
    name, code = re.search(r"```python\n# (my_metrics\.py)\n(.*?)```", PAGE, re.DOTALL).groups()
    (tmp_path / name).write_text(code)
    rng = np.random.default_rng(0)
    np.savez("codes.npz", query_codes=rng.random((9, 8)) < 0.5, database_codes=rng.random((99, 8)) < 0.5,
             query_labels=rng.integers(0, 3, 9), database_labels=rng.integers(0, 3, 99))  # fmt: skip
    commands = [line.split()[1:] for line in PAGE.splitlines() if line.startswith("    hashbench ")]
    assert len(commands) == 4
    for words in commands:
        code, out, err = cli(*words)
        assert code == 0, (words, err)
        assert "first hit" in out or "first_hit" in out or words[0] == "figures"
    (path,) = Path("runs").rglob("result.json")
    value = json.loads(path.read_text())["metrics"]["first_hit"]
    with open("board.csv", encoding="utf-8", newline="") as file:
        assert float(next(csv.DictReader(file))["first_hit_mean"]) == pytest.approx(value, rel=1e-5)
    with np.load(path.with_name("per_query.npz")) as kept:
        assert np.nanmean(kept["first_hit"]) == pytest.approx(value)
    assert value >= 1
    assert "rank of the first hit" in Path("figures/index.md").read_text(encoding="utf-8")


def test_the_arguments_are_those_that_there_are() -> None:
    from dataclasses import fields

    from hashbench.evaluation.metrics import PLACES, Metric

    told = set(re.findall(r"`(\w+)(?:=[^`]*)?`", "".join(line for line in PAGE.splitlines() if line.startswith("| `"))))
    known = {field.name for field in fields(Metric)} - {"name", "function", "kept_as"}
    assert known <= told
    assert set(PLACES) <= told


def test_the_column(make_record) -> None:
    (line,) = re.findall(r"```python\n(Column\(.*?),\n```", PAGE)
    column = eval(line, vars(columns))
    record = make_record(timing={"train_seconds": 1.25})
    assert column.value([record]) == 1.25
    assert column.cell_of({"train_seconds": 1.25}).plain == "1.2"
