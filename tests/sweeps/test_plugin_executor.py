"""An executor of somebody else: one decorated class in a file, or an entry of a registry.yaml, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from refusal import assert_refused

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.errors import UserError
from hashbench.models import DeepMethod
from hashbench.registry import EXECUTORS, METHODS
from hashbench.sweeps.executors.inline import InlineExecutor
from hashbench.sweeps.executors.local import LocalExecutor
from hashbench.sweeps.sweep import sweep

PAGE = Path(__file__).parents[2] / "docs" / "adding_an_executor.md"
SWEEP = ("sweep", "--methods", "toy_shallow", "--bits", "8", "--seeds", "0-1")


@pytest.fixture
def own_registry(monkeypatch):
    """What a test registers is gone after it, with the modules that it came from and the folders that they were in."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(EXECUTORS.module_dict)
    yield
    for name in set(EXECUTORS.module_dict) - before:
        EXECUTORS.unregister(name)
    for name in ("commands", "my_executors"):
        sys.modules.pop(name, None)


@pytest.fixture
def page(tmp_path, own_registry):
    """The file of the documentation, in the working folder of the command line."""
    (text,) = re.findall(r"```python\n# commands\.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "commands.py").write_text(text)
    return tmp_path / "commands.py"


def results(folder):
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())["metrics"]
        for path in sorted(folder.rglob("result.json"))
    }


def test_the_executor_of_the_documentation_gives_the_rows_of_ours(cli, page, plugin, tmp_path):
    code, out, err = cli(*SWEEP, "--plugin", plugin, "--out", "expected", "--executor", "inline")
    assert code == 0, err
    words = ("--import", page, "--executor", "commands", "--jobs", 2)
    code, out, err = cli(*SWEEP, "--plugin", plugin, "--out", "made", *words, "--executor-option", "nice=5")
    assert code == 0, err
    assert out.startswith("2 done, 0 finished before, 0 failed")
    assert "2 runs to do, 2 at a time" in err
    assert results(tmp_path / "made") == results(tmp_path / "expected")


def test_the_executor_of_the_documentation_reports_what_dies(page, tmp_path):
    catalog = load_catalog(imports=[page])
    with catalog.load_class("executors", "commands")(jobs=1, device="cpu") as executor:
        executor.start(7, sys.exit, 3)
        (ended,) = executor.wait()
        executor.start(8, divmod, 7, 2)
        (answer,) = executor.wait()
    assert (ended.key, ended.death) == (7, "its process ended with exit code 3")
    assert (answer.key, answer.value) == (8, (3, 1))


def test_it_is_listed_and_shown_and_its_options_are_checked(cli, page):
    assert "  commands  a Python process of its own for each run" in cli("list", "executors", "--import", page)[1]
    assert "nice=0" in cli("show", "commands", "--import", page)[1]
    words = (*SWEEP, "--import", page, "--executor", "commands")
    assert_refused(
        cli(*words, "--executor-option", "nise=5"), "executor commands has no such option", "Did you mean nice"
    )
    assert_refused(cli(*SWEEP, "--import", page, "--executor", "command"), "Did you mean commands")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("", "has no attribute 'Mine'"),
        (
            "class Mine:\n    def __init__(self, jobs, device): ...\n    def start(self): ...",
            "no wait and no __enter__ and no __exit__",
        ),
        ("def Mine(jobs, device): ...", "my_executors:Mine is a function; an executor is a subclass of"),
        (
            "from hashbench.sweeps.executors.inline import InlineExecutor\n\n\nclass Mine(InlineExecutor):\n"
            "    def __init__(self, workers): ...",
            "the constructor of Mine must take jobs and device",
        ),
        (
            "from hashbench.sweeps.executors.inline import InlineExecutor\n\n\nclass Mine(InlineExecutor):\n"
            "    def __init__(self, jobs, device, queue): ...",
            "--executor mine needs --executor-option queue=...",
        ),
    ],
)
def test_an_entry_that_names_no_executor_is_one_line(cli, own_registry, tmp_path, content, said):
    (tmp_path / "hashbench.yaml").write_text("executors:\n  mine:\n    class: my_executors:Mine\n")
    (tmp_path / "my_executors.py").write_text(content)
    assert_refused(cli("sweep", "--methods", "lsh", "--executor", "mine"), said)


def test_a_decorated_class_that_is_none_is_one_line(cli, own_registry, tmp_path):
    (tmp_path / "my_executors.py").write_text(
        "from hashbench.registry import EXECUTORS\n\n\n@EXECUTORS.register_module('mine')\nclass Mine: ...\n"
    )
    refused = cli("sweep", "--methods", "lsh", "--executor", "mine", "--import", "my_executors.py")
    assert_refused(refused, "my_executors.py", "an executor needs a method start()")


class Notebook(DeepMethod):
    """A method whose module has no file, as those of notebooks."""

    def loss(self, batch):
        return {"pull": (batch.codes**2).mean()}


@pytest.fixture
def notebook(monkeypatch, tmp_path):
    """The run of a method that a notebook has defined."""
    monkeypatch.setattr(Notebook, "__module__", "nowhere")
    METHODS.register_module("of_a_notebook", module=Notebook)
    catalog = load_catalog()
    yield resolve(catalog, method="of_a_notebook", bits=8, changes={"epochs": 1}, out=tmp_path / "runs")
    METHODS.unregister("of_a_notebook")


def test_a_class_of_a_notebook_is_run_inline_or_refused(notebook):
    with pytest.raises(UserError, match=r"'of_a_notebook' is defined in a notebook.*imports=.*executor=\"inline\""):
        sweep([notebook], lambda: LocalExecutor(1), print)
    assert len(sweep([notebook], InlineExecutor, print).done) == 1
