"""Words that ask for an executor are checked before any work: names, options, and classes that are none."""

from __future__ import annotations

import pytest
from refusal import assert_refused

from hashbench.catalog import load_catalog
from hashbench.errors import UserError
from hashbench.sweeps.executors import ExecutorChoice, choose_executor
from hashbench.sweeps.executors.inline import InlineExecutor
from hashbench.sweeps.executors.local import LocalExecutor


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def test_what_is_chosen_is_made_with_its_options(catalog):
    with choose_executor(catalog, options={"gpus": "5"}, jobs=2).make("cuda") as executor:
        assert isinstance(executor, LocalExecutor)
        assert executor.workers == 2
    assert isinstance(choose_executor(catalog, "inline").make(), InlineExecutor)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"name": "rey"}, "no executor named .rey.*Did you mean ray"),
        ({"jobs": 0}, "--jobs 0: at least one"),
        (
            {"name": "ray", "options": {"adress": "auto"}},
            "adress: executor ray has no such option. Did you mean address",
        ),
        ({"options": {"address": "auto"}}, "address: executor local has no such option. Known: gpus"),
        ({"name": "inline", "options": {"gpus": 1}}, "gpus: executor inline has no such option. Known: none"),
        ({"options": {"jobs": 2}}, "--executor-option jobs: give --jobs"),
        ({"options": {"device": "cpu"}}, "--executor-option device: give --device"),
    ],
)
def test_wrong_words_are_one_line(catalog, words, match):
    with pytest.raises(UserError, match=match) as refused:
        choose_executor(catalog, **words)
    assert "\n" not in str(refused.value)


def test_what_a_constructor_says_of_a_wrong_value_is_one_line():
    class Choosy(InlineExecutor):
        def __init__(self, jobs, device, *, sort):
            raise ValueError(f"no sort {sort}\nand more")

    with pytest.raises(UserError, match=r"--executor choosy: no sort x$"):
        ExecutorChoice("choosy", Choosy, options={"sort": "x"}).make()


@pytest.mark.parametrize("command", [("sweep", "--methods", "lsh"), ("tune", "dsh"), ("reproduce", "table2")])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--executor", "rey"], "Did you mean ray"),
        (["--executor", "ray", "--ray-address", "h:1"], "give --executor ray --executor-option address=h:1"),
        (["--executor-option", "adress=h:1", "--executor", "ray"], "Did you mean address"),
        (["--executor-option", "address"], "expected key=value"),
        (["--jobs", "0"], "--jobs 0"),
    ],
)
def test_every_command_that_does_many_runs_refuses_them(cli, command, words, said):
    assert_refused(cli(*command, *words), said)
