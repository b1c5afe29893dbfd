"""`hashbench evaluate`: what it prints, what it assumes, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.io
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


def test_json_is_the_metrics_and_what_was_assumed(tmp_path, arrays):
    arrays["query_labels"][0] = 9
    result = run(save(tmp_path / "codes.npz", arrays), "--json", "--topk", "5", "--topk", "20", "--denominator", "all")
    assert result.exit_code == 0, result.output
    expected = evaluate(**arrays, topk=[5, 20], denominator="all").metrics
    printed = json.loads(result.stdout)
    assert printed.pop("info") == {
        "ties": "expected",
        "denominator": "all",
        "bits": 12,
        "packed": False,
        "queries": 4,
        "queries_without_relevant": 1,
        "database_size": 50,
    }
    assert printed == pytest.approx(expected)


def test_packed_and_multi_hot_codes_give_the_same(tmp_path, arrays):
    packed = arrays | {name: pack_codes(arrays[name]) for name in ("query_codes", "database_codes")}
    packed |= {name: np.eye(3, dtype=bool)[arrays[name]] for name in ("query_labels", "database_labels")}
    plain = run(save(tmp_path / "plain.npz", arrays), "--json", "--ties", "index")
    from_file = run(save(tmp_path / "file.npz", packed | {"bits": 12}), "--json", "--ties", "index")
    from_option = run(save(tmp_path / "option.npz", packed), "--json", "--ties", "index", "--bits", "12")
    assert plain.exit_code == 0
    assert plain.stdout == from_file.stdout.replace('"packed": true', '"packed": false')
    assert from_option.stdout == from_file.stdout


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
        (lambda a: a.update(bits=np.array([1, 2])), "bits is array([1, 2]): give a whole number of bits of a code"),
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
        assert "give query_codes, database_codes" in str(result.exception)
        assert "\n" not in str(result.exception)


# --- other files


@pytest.fixture
def plain(tmp_path, arrays):
    return metrics(run(save(tmp_path / "plain.npz", arrays), "--json"))


def metrics(result):
    """What was printed, without what was assumed."""
    assert result.exit_code == 0, result.output or result.exception
    return {name: value for name, value in json.loads(result.stdout).items() if name != "info"}


@pytest.mark.parametrize("packed", [False, True])
def test_a_mat_file_gives_the_same(tmp_path, arrays, plain, packed):
    """MATLAB saves numbers as doubles, and vectors as matrices of one column or row."""
    content = {name: array.astype(float) for name, array in arrays.items()}
    content["query_labels"] = content["query_labels"][:, None]
    if packed:
        content |= {name: pack_codes(arrays[name]).astype(float) for name in ("query_codes", "database_codes")}
        content["bits"] = np.array([[12.0]])
    scipy.io.savemat(tmp_path / "codes.mat", content)
    assert metrics(run(tmp_path / "codes.mat", "--json")) == plain


def test_arrays_of_other_names(tmp_path, arrays, plain):
    scipy.io.savemat(tmp_path / "codes.mat", {"set": {f"my_{name}": array for name, array in arrays.items()}})
    named = [word for name in arrays for word in (f"--{name.replace('_', '-')}", f"set.my_{name}")]
    assert metrics(run(tmp_path / "codes.mat", "--json", *named)) == plain


def test_each_array_may_be_a_file(tmp_path, arrays, plain):
    words = ["--json"]
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        words += [f"--{name.replace('_', '-')}", str(tmp_path / f"{name}.npy")]
    assert metrics(CliRunner().invoke(app, words)) == plain
    rest = save(tmp_path / "rest.npz", {name: a for name, a in arrays.items() if name != "query_codes"})
    assert metrics(run(rest, "--json", "--query-codes", str(tmp_path / "query_codes.npy"))) == plain
    result = CliRunner().invoke(app, words[:-2])
    assert isinstance(result.exception, UserError)
    assert "evaluate: --database-labels missing; give query_codes," in str(result.exception)


@pytest.mark.parametrize(
    "form",
    [lambda ids: np.array(["owl", "cat", "dog"])[ids], lambda ids: ids * 1.0, lambda ids: 2 * np.eye(3)[ids] - 1],
)
def test_labels_of_every_form(tmp_path, arrays, plain, form):
    changed = arrays | {name: form(arrays[name]) for name in ("query_labels", "database_labels")}
    assert metrics(run(save(tmp_path / "codes.npz", changed), "--json")) == plain


def test_codes_with_a_column_for_each_bit_may_stand_beside_their_length(tmp_path, arrays, plain):
    assert metrics(run(save(tmp_path / "codes.npz", arrays | {"bits": 12}), "--json")) == plain


@pytest.mark.parametrize("ties", ["expected", "index"])
def test_leave_one_out(tmp_path, arrays, ties):
    codes, labels = arrays["database_codes"], arrays["database_labels"]
    expected = evaluate(codes, codes, labels, labels, leave_one_out=True, ties=ties).metrics
    np.save(tmp_path / "c.npy", codes)
    np.save(tmp_path / "l.npy", labels)
    twice = {"query_codes": codes, "database_codes": codes, "query_labels": labels, "database_labels": labels}
    options = ["--json", "--leave-one-out", "--ties", ties]
    for content in (twice, {"codes": codes, "labels": labels}, {"database_codes": codes, "query_labels": labels}):
        result = run(save(tmp_path / "codes.npz", content), *options)
        assert metrics(result) == expected
        assert json.loads(result.stdout)["info"]["leave_one_out"] is True
        assert "note:" not in result.stderr
    apart = ["--database-codes", str(tmp_path / "c.npy"), "--query-labels", str(tmp_path / "l.npy")]
    assert metrics(CliRunner().invoke(app, [*options, *apart])) == expected
    said = run(save(tmp_path / "codes.npz", twice), "--leave-one-out", "--ties", ties).stdout
    assert "50 queries, 0 of them without a relevant item and left out; 49 database items, each query left out" in said


def test_queries_that_find_themselves_are_said(tmp_path, arrays):
    codes, labels = arrays["database_codes"], arrays["database_labels"]
    twice = {"query_codes": codes, "database_codes": codes, "query_labels": labels, "database_labels": labels}
    result = run(save(tmp_path / "codes.npz", twice), "--json")
    assert json.loads(result.stdout)["info"]["queries_are_database"] is True
    assert result.stderr.startswith("note: queries and database are the same items")
    assert "--leave-one-out" in result.stderr
    assert "UserWarning" not in result.stderr
    other = run(save(tmp_path / "codes.npz", arrays), "--leave-one-out")
    assert isinstance(other.exception, UserError)
    assert "--leave-one-out needs the 4 queries as the database" in str(other.exception)
