"""The kit itself: what a test and the command make of a check's outcome, and that checks leave no trace."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.errors import UserError
from hashbench.testing import Check, CheckError, NotApplicable, Subject, expect, parametrize_with_checks, run_check
from hashbench.testing.pytest_checks import BoundCheck

HERE = Path(__file__).parent


@pytest.fixture
def subject():
    return Subject.load("random_codes")


def failing(subject):
    expect(False, "two\nlines")


def crashing(subject):
    raise KeyError("name")


def not_applicable(subject):
    raise NotApplicable("nothing to see")


def drawing(subject):
    torch.rand(1), np.random.rand(), random.random()


def test_results_of_all_kinds(subject):
    kinds = {check: run_check(Check("c", check), subject) for check in (failing, crashing, not_applicable, drawing)}
    assert [(r.outcome, r.reason) for r in kinds.values()] == [
        ("fail", "two lines"),
        ("fail", "KeyError: 'name'"),
        ("skip", "nothing to see"),
        ("pass", ""),
    ]


def test_in_pytest_a_check_raises_or_skips(subject):
    with pytest.raises(CheckError):
        BoundCheck(Check("c", failing), subject)()
    with pytest.raises(pytest.skip.Exception, match="nothing to see"):
        BoundCheck(Check("c", not_applicable), subject)()
    BoundCheck(Check("c", drawing), subject)()


def test_checks_leave_random_streams_alone(subject):
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = float(torch.rand(1)), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    run_check(Check("c", drawing), subject)
    assert (float(torch.rand(1)), np.random.rand(), random.random()) == expected


def test_names_that_are_not_there():
    with pytest.raises(UserError, match=r"no method named 'dsj'.*dsh"):
        parametrize_with_checks("dsj")


def test_parametrization_names_method_and_check():
    mark = parametrize_with_checks("dsh", "lsh").mark
    ids = [parameter.id for parameter in mark.args[1]]
    assert {"dsh-two_processes", "lsh-few_samples", "lsh-sklearn:check_estimators_nan_inf"} <= set(ids)
    assert len(set(ids)) == len(ids)


TOY = """
methods:
  toy:
    class: broken_shallow:{cls}
    kind: shallow
    title: a toy
    deviations: ["No paper: a toy."]
"""


def test_command_prints_a_line_a_check(cli, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    (tmp_path / "hashbench.yaml").write_text(TOY.format(cls="Good"))
    code, out, _ = cli("check", "toy")
    assert code == 0
    lines = out.splitlines()
    assert "pass  bits" in lines
    assert "skip  too_many_bits: has no limit here: gives 64 bits for 30 samples of 4 features" in lines
    assert lines[-1].startswith(f"toy: {sum(line.startswith('pass') for line in lines)} passed, ")
    assert "0 failed" in lines[-1]


def test_command_exits_with_1_where_a_check_fails(cli, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "registry.yaml").write_text(TOY.format(cls="OneBitMore"))
    code, out, _ = cli("check", "toy", "--plugin", "elsewhere", "--json")
    assert code == 1
    report = json.loads(out)
    failed = {found["check"]: found["reason"] for found in report["checks"] if found["outcome"] == "fail"}
    assert "(80, 5)" in failed["bits"]
    assert report["fail"] == len(failed)
    assert report["method"] == "toy"


def test_command_exits_with_2_for_an_unknown_name(cli):
    code, _, err = cli("check", "dsj")
    assert code == 2
    assert err.startswith("error: no method named 'dsj'. Did you mean dsh")
    assert len(err.strip().splitlines()) == 1
