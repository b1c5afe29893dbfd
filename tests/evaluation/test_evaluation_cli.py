"""`hashbench evaluate`: what it prints, what it assumes, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hashbench.cli.evaluate import evaluate as command
from hashbench.errors import UserError
from hashbench.evaluation import evaluate, pack_codes

app = typer.Typer()
app.command()(command)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "query_codes": rng.choice([-1, 1], size=(4, 12)),
        "database_codes": rng.choice([-1, 1], size=(50, 12)),
        "query_labels": rng.integers(0, 3, 4),
        "database_labels": rng.integers(0, 3, 50),
    }


def run(path, *options: str):
    return CliRunner().invoke(app, [str(path), *options], env={"COLUMNS": "300"})


def save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_json_is_exactly_the_metrics(tmp_path, arrays):
    result = run(save(tmp_path / "codes.npz", arrays), "--json", "--topk", "5", "--topk", "20", "--denominator", "all")
    assert result.exit_code == 0, result.output
    expected = evaluate(**arrays, topk=[5, 20], denominator="all").metrics
    assert json.loads(result.stdout) == pytest.approx(expected)


def test_packed_and_multi_hot_codes_give_the_same(tmp_path, arrays):
    packed = arrays | {name: pack_codes(arrays[name]) for name in ("query_codes", "database_codes")}
    packed |= {name: np.eye(3, dtype=bool)[arrays[name]] for name in ("query_labels", "database_labels")}
    plain = run(save(tmp_path / "plain.npz", arrays), "--json", "--ties", "index")
    from_file = run(save(tmp_path / "file.npz", packed | {"bits": 12}), "--json", "--ties", "index")
    from_option = run(save(tmp_path / "option.npz", packed), "--json", "--ties", "index", "--bits", "12")
    assert plain.exit_code == 0
    assert plain.stdout == from_file.stdout == from_option.stdout


def test_table_says_what_it_assumed(tmp_path, arrays):
    arrays["query_labels"][0] = 9
    result = run(save(tmp_path / "codes.npz", arrays), "--topk", "5", "--radius", "3")
    assert result.exit_code == 0, result.output
    for words in ("map@5", "precision@r3", "worst order", "12-bit codes", "ties expected", "divided by retrieved"):
        assert words in result.stdout
    assert "4 queries, 1 of them without a relevant item and left out; 50 database items" in result.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a.pop("query_labels"),
            "it lacks query_labels; there is query_codes, database_codes, database_labels",
        ),
        (lambda a: a.update(query_codes=a["query_codes"] * 2), "query codes hold the value"),
        (lambda a: a.update(database_labels=a["database_labels"][:9]), "database labels are 9, their codes 50"),
        (lambda a: a.update(query_codes=np.array([[None]])), "cannot be read"),
        (lambda a: a.update(bits=np.array([1, 2])), "bits is int64 of shape (2,)"),
    ],
)
def test_bad_arrays_are_one_line_with_the_file(tmp_path, arrays, change, message):
    change(arrays)
    result = run(save(tmp_path / "codes.npz", arrays))
    assert isinstance(result.exception, UserError)
    assert "codes.npz: " in str(result.exception)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_bad_files_are_refused(tmp_path):
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "text.npz").write_text("hello")
    for name, message in (("none.npz", "no such file"), ("single.npy", "not an .npz"), ("text.npz", "not an .npz")):
        result = run(tmp_path / name)
        assert isinstance(result.exception, UserError), name
        assert message in str(result.exception)


def test_damaged_files_are_one_line(tmp_path, arrays):
    whole = save(tmp_path / "whole.npz", arrays).read_bytes()
    path = tmp_path / "codes.npz"
    place = whole.index(np.ascontiguousarray(arrays["database_codes"]).tobytes()[:16])
    flipped = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
    for content in (b"", whole[:5], whole[:-1], whole[: len(whole) // 2], flipped):
        path.write_bytes(content)
        result = run(path)
        assert isinstance(result.exception, UserError), len(content)
        assert str(result.exception).startswith(f"{path}: cannot be read (")
        assert "give an .npz with query_codes" in str(result.exception)
        assert "\n" not in str(result.exception)
