"""`hashbench check-data`: what is shown, and which splits and data are refused."""

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hashbench.cli.check_data import check_data
from hashbench.data.digits import Digits
from hashbench.errors import UserError
from hashbench.protocol import read_manifest, split_checksum

CATALOG = """
datasets:
  mine:
    class: hashbench.data.features:Features
  my-digits:
    class: hashbench.data.digits:Digits
protocols:
  my-digits-protocol:
    {{version: 3, dataset: my-digits, backbone: identity, epochs: 1, batch_size: 8, split: {digits}}}
  my-protocol:
    {{version: 1, dataset: mine, backbone: identity, epochs: 1, batch_size: 8, split: {mine}}}
"""
X = np.arange(24.0).reshape(12, 2)
ROWS = {"train": [0, 1, 2, 3], "validation": [4, 5], "test": [6, 7]}


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run the command in a folder whose hashbench.yaml has a data set and protocols of its own."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(check_data)

    def run(*arguments, x=X, rows=None, declared=None):
        rows = rows or ROWS
        np.savez(tmp_path / "mine.npz", X=x, y=np.array([0, 1, 1, 1] * 3))
        np.savez(tmp_path / "split.npz", **rows)
        full = {"database": rows["train"], "validation_database": rows["train"], **rows}
        mine = {
            "manifest": "split.npz",
            "sha256": declared or split_checksum({k: np.array(v) for k, v in full.items()}),
        }
        digits = {"manifest": "digits", "sha256": read_manifest("digits").checksum}
        (tmp_path / "hashbench.yaml").write_text(CATALOG.format(digits=digits, mine=mine))
        return CliRunner().invoke(app, list(arguments))

    return run


def numbers(output, role):
    """The cells of a row of the table of roles."""
    line = next(line for line in output.splitlines() if f" {role} " in line and "│" in line)
    return [cell.strip() for cell in line.strip().strip("│").split("│")][1:]


def test_sound_protocol(check):
    done = check("my-digits-protocol")
    assert done.exit_code == 0, done.output
    assert numbers(done.output, "train") == ["1,000", "10", "97", "102", "0", "0"]
    assert numbers(done.output, "test")[0] == "500"
    assert "train and database share 1,000 rows" in done.output
    assert read_manifest("digits").checksum in done.output
    assert Digits().load().checksum in done.output
    assert "version 3" in done.output


ONES = {**ROWS, "validation_database": [0, 1, 2, 3], "database": [1, 2, 3]}
"""Roles whose database has no row of class 0; rows 4 and 8 are of class 0."""


def test_queries_without_anything_relevant_are_counted(check):
    done = check("my-protocol", "--data-root", "mine.npz", rows={**ONES, "test": [6, 8]})
    assert done.exit_code == 0, done.output
    assert (
        "warning: 1 of 2 test queries have nothing relevant in database and are left out of every mean" in done.output
    )
    done = check("my-protocol", "--data-root", "mine.npz", rows={**ONES, "database": [0, 1, 2], "test": [6, 8]})
    assert done.exit_code == 0, done.output
    assert "warning" not in done.output


def test_no_query_with_anything_relevant_is_a_problem(check):
    done = check("my-protocol", "--data-root", "mine.npz", rows={**ONES, "validation": [5, 9], "test": [4, 8]})
    assert done.exit_code == 1, done.output
    assert "problem: nothing in database is relevant to any of the 2 test queries" in done.output


def test_one_class_in_all_rows_is_warned_of(check, tmp_path):
    check("mine", "--data-root", "mine.npz")
    np.savez(tmp_path / "one.npz", X=X, y=np.zeros(12, dtype=int))
    app = typer.Typer()
    app.command()(check_data)
    done = CliRunner().invoke(app, ["mine", "--data-root", "one.npz"])
    assert done.exit_code == 0, done.output
    assert "warning: all rows are of one class: nothing can be told apart" in done.output
    done = CliRunner().invoke(app, ["my-protocol", "--data-root", "one.npz"])
    assert "warning: all roles hold rows of one class only" in done.output
    assert "everything in database is relevant to every one of the test queries: mAP is 1 for any codes" in done.output


def test_data_set_only(check):
    done = check("mine", "--data-root", "mine.npz", x=X * 0)
    assert done.exit_code == 0, done.output
    assert "repeated rows │ 11" in done.output
    assert "classes       │ 2 (one per row)" in done.output
    assert "split" not in done.output


def test_counts_and_repeats_of_one_s_own_split(check):
    x = X.copy()
    x[1] = x[0]
    done = check("my-protocol", "--data-root", "mine.npz", x=x)
    assert done.exit_code == 0, done.output
    assert numbers(done.output, "train") == ["4", "2", "1", "3", "0", "1"]
    assert numbers(done.output, "test") == ["2", "1", "2", "2", "0", "0"]


@pytest.mark.parametrize(("query", "where"), [(6, "train"), (6, "validation"), (4, "train")])
def test_same_content_under_other_row_numbers_is_a_problem(check, query, where):
    x = X.copy()
    x[query] = x[ROWS[where][1]]
    done = check("my-protocol", "--data-root", "mine.npz", x=x)
    assert done.exit_code == 1
    role = "test" if query == 6 else "validation"
    assert any(
        role in line and where in line for line in done.output.splitlines() if line.startswith("problem: 1 rows")
    )


def test_overlaps_are_all_listed(check):
    rows = {**ROWS, "test": [3, 4], "database": [0, 1, 2, 3]}
    done = check("my-protocol", "--data-root", "mine.npz", rows=rows, declared="0" * 64)
    assert done.exit_code == 1
    for problem in ("train and test share 1 rows (first: 3)", "validation and test share 1 rows (first: 4)"):
        assert f"problem: {problem}" in done.output


def test_other_checksum_is_a_problem(check):
    done = check("my-protocol", "--data-root", "mine.npz", declared="0" * 64)
    assert done.exit_code == 1
    assert "problem: sha256 of the rows is" in done.output


def test_row_outside_the_data_is_a_problem(check):
    done = check("my-protocol", "--data-root", "mine.npz", rows={**ROWS, "test": [12]})
    assert done.exit_code == 1
    assert "test names row 12, the table has 0..11" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my-digit"], "no protocol and no data set named 'my-digit'. Did you mean my-digits"),
        (["mine"], "which file"),
        (["my-protocol", "--data-root", "none.npz"], "there is no file none.npz"),
    ],
)
def test_wrong_requests_go_to_the_program(check, arguments, message):
    done = check(*arguments)
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
