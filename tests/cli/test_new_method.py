"""`hashbench new-method`: what it writes works at once, and nothing that exists is lost."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml
from refusal import assert_refused

from hashbench.catalog import load_catalog


def test_what_is_written_passes_its_tests_and_runs(cli, tmp_path):
    for kind in ("deep", "shallow"):
        code, out, _ = cli("new-method", f"my_{kind}", "--kind", kind)
        assert code == 0
        assert f"hashbench run --method my_{kind} --epochs 1" in out
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pytest_here = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    tested = subprocess.run(pytest_here, env=environment, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout.splitlines()[-1]
    for kind in ("deep", "shallow"):
        code, out, err = cli("run", "--method", f"my_{kind}", "--epochs", "1", "--bits", "16")
        assert code == 0, err
        assert "mAP, expected over ties" in out


def test_another_folder(cli, tmp_path):
    code, out, _ = cli("new-method", "my_loss", "--out", "methods/new")
    assert code == 0
    assert {path.name for path in (tmp_path / "methods" / "new").iterdir()} == {
        "my_loss.py",
        "test_my_loss.py",
        "hashbench.yaml",
    }
    assert "cd methods/new" in out
    assert "class MyLoss(DeepMethod)" in (tmp_path / "methods" / "new" / "my_loss.py").read_text()


EXISTING = """\
# My methods.
methods:
    first:  # indented by four
        class: first:First
        kind: shallow
        title: what was there

# The data.
datasets:
    own: {class: "own:Own"}
"""


def test_an_entry_is_added_to_a_file_and_all_else_stays(cli, tmp_path):
    (tmp_path / "hashbench.yaml").write_text(EXISTING)
    assert cli("new-method", "second", "--kind", "shallow")[0] == 0
    text = (tmp_path / "hashbench.yaml").read_text()
    before, after = EXISTING.split("\n# The data.")
    assert text.startswith(before)
    assert text.endswith("\n# The data." + after)
    catalog = load_catalog(folder=tmp_path)
    assert catalog.methods["first"].title == "what was there"
    assert catalog.defaults("methods", "second") == {"center": True}
    assert "own" in catalog.datasets


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "datasets:\n  own: {class: 'own:Own'}",
        "datasets:\n  own: {class: 'own:Own'}\nprotocols: {}\n",
    ],
)
def test_files_without_methods(cli, tmp_path, text):
    (tmp_path / "hashbench.yaml").write_text(text)
    assert cli("new-method", "my_loss")[0] == 0
    written = (tmp_path / "hashbench.yaml").read_text()
    assert load_catalog(folder=tmp_path).methods["my_loss"].kind == "deep"
    assert all(line in written.splitlines() for line in text.splitlines())
    assert ("own" in yaml.safe_load(written).get("datasets", {})) == ("own" in text)


@pytest.mark.parametrize("name", ["my-loss", "2d", "class", "_hidden", "größe", "a.b", "../up", ""])
def test_names_that_python_cannot_import_are_refused(cli, tmp_path, name):
    assert_refused(cli("new-method", "--", name), "cannot be the name of a method")
    assert list(tmp_path.iterdir()) == []


def test_names_that_exist_are_refused(cli, tmp_path):
    assert_refused(cli("new-method", "dsh"), "a method dsh exists already: baselines")
    assert_refused(cli("new-method", "json"), "an installed Python module")
    (tmp_path / "my_loss.py").write_text("mine")
    assert_refused(cli("new-method", "my_loss"), "my_loss.py exists already")
    (tmp_path / "test_other.py").write_text("mine")
    assert_refused(cli("new-method", "other"), "test_other.py exists already")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "my_loss.py": "mine",
        "test_other.py": "mine",
    }


def test_a_second_time_is_refused_and_changes_nothing(cli, tmp_path):
    assert cli("new-method", "my_loss")[0] == 0
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    assert_refused(cli("new-method", "my_loss"), "a method my_loss exists already: hashbench.yaml")
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("methods: {first: {class: 'a:B', kind: shallow}}\n", "indented block"),
        ("methods:\n  a: {clas: 1}\n", "missing"),
    ],
)
def test_a_registry_that_cannot_be_added_to_is_left_as_it_is(cli, tmp_path, text, word):
    (tmp_path / "hashbench.yaml").write_text(text)
    assert_refused(cli("new-method", "my_loss"), word)
    assert [path.name for path in tmp_path.iterdir()] == ["hashbench.yaml"]
    assert (tmp_path / "hashbench.yaml").read_text() == text


def test_a_folder_that_cannot_be_written(cli, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(cli("new-method", "my_loss", "--out", "file"), "--out file: not a folder")
    assert_refused(cli("new-method", "my_loss", "--out", "file/below"), "cannot write to file/below")


def test_what_a_killed_call_wrote_is_no_obstacle(cli, tmp_path):
    assert cli("new-method", "my_loss")[0] == 0
    (tmp_path / "hashbench.yaml").unlink()  # written last
    assert cli("new-method", "my_loss")[0] == 0
    assert "my_loss" in load_catalog(folder=tmp_path).methods
    (tmp_path / "hashbench.yaml").unlink()
    (tmp_path / "my_loss.py").write_text("mine")
    assert_refused(cli("new-method", "my_loss"), "my_loss.py exists already")
    assert (tmp_path / "my_loss.py").read_text() == "mine"
