"""What stands in an edited config.py is checked as the options are: nonsense is refused in one line, before any work."""

from __future__ import annotations

import copy
import json
import math

import pytest

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.config import RUN, config_values, spec_of_config
from hashbench.errors import UserError

NONSENSE = (
    *(-1, 0, 16.5, True, "", "word", "a\nb", "x" * 500, [], [1], [[]], ["a"], {}, {"a": 1}, {1: 2}, {"type": "nosuch"}),
    *(10**12, 10**40, math.nan, math.inf, b"x", object()),
)
NOT_JSON = (math.nan, math.inf, b"x")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return load_catalog(folder=tmp_path_factory.mktemp("empty"))


@pytest.fixture
def written(catalog, tmp_path):
    """What config.py of a run holds."""
    return json.loads(json.dumps(config_values(resolve(catalog, method="dsh", bits=16, out=tmp_path))))


@pytest.fixture
def refusal(catalog, tmp_path):
    """refusal(values) -> the words of the refusal, one line; None where there is none."""

    def go(values):
        try:
            spec_of_config(values, catalog, out=tmp_path)
        except UserError as error:
            message = str(error)
        else:
            return None
        assert "\n" not in message
        assert message.startswith("config: ")
        return message

    return go


def changed(values, *keys_and_value):
    *keys, last, value = keys_and_value
    values = inside = copy.deepcopy(values)
    for key in keys:
        inside = inside[key]
    inside[last] = value
    return values


@pytest.mark.parametrize("key", RUN)
def test_a_key_of_run(written, refusal, key):
    for value in NONSENSE:
        said = refusal(changed(written, "run", key, value))
        assert said or not any(value is one for one in NOT_JSON), value
        if RUN[key][0] is int and (isinstance(value, bool | float | str | list | dict) or value in (-1, 10**40)):
            assert said, value


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bits", 0, "--bits 0: the code length is a whole number from 1 to 4096"),
        ("bits", 16.5, "run.bits is a whole number, not 16.5"),
        ("bits", True, "run.bits is a whole number, not True"),
        ("bits", 10**12, "the code length is a whole number from 1 to 4096"),
        ("seed", -1, "--seed -1: a whole number from 0"),
        ("trials", -1, "run.trials is a whole number from 0"),
        ("method", None, "say what is trained"),
        ("changed", [[]], "run.changed is a list of names"),
        ("settings", {"hidden": [-1]}, "protocol field hidden.0"),
        ("settings", {"topk": [0]}, "protocol field topk.0"),
        ("hparams", {"alpha": "word"}, "key alpha=word: expected a number"),
        ("hparams", {"no_such": 1}, "no such hyper-parameter"),
        ("optimizer", {"type": ["SGD"], "lr": 0.1}, "optimizer.type"),
        ("optimizer", {"type": "SGD", "lr": 0.1, "head_lr_mult": True}, "head_lr_mult=true: expected a number"),
    ],
)
def test_what_is_said(written, refusal, key, value, words):
    assert words in (refusal(changed(written, "run", key, value)) or "accepted")


@pytest.mark.parametrize("key", ["run", "custom_hooks", "custom_imports", "visualizer", "train_cfg", "val_cfg"])
def test_what_stands_beside_run(written, refusal, key):
    for value in (-1, 16.5, True, "word", [1], 10**12, "x" * 500):
        if not (key == "custom_hooks" and value == []):
            assert refusal(changed(written, key, value)), value


@pytest.mark.parametrize("section", ["hparams", "optimizer", "schedule"])
def test_an_option_of_a_section(written, refusal, section):
    for key in written["run"][section]:
        for value in ("a\nb", [], {}, [1], {"a": 1}, math.nan, b"x"):
            if not (key == "type" and isinstance(value, str)):  # another name may be one of mmengine's
                assert refusal(changed(written, "run", section, key, value)), (key, value)


def test_it_is_accepted_as_it_was_written(written, refusal):
    assert refusal(written) is None
