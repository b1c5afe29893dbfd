"""The check of a protocol's epochs: each run at E and at 2E, on validation, resumable, and who moves."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import pytest
from curve_studies import a_study

from hashbench.catalog import load_catalog
from hashbench.tuning.study import Trial

FILE = Path(__file__).parents[2] / "benchmarks" / "undertrained.py"


@pytest.fixture
def undertrained(monkeypatch):
    found = importlib.util.spec_from_file_location("undertrained", FILE)
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "undertrained", module)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def validated(undertrained, monkeypatch) -> list:
    """What would be trained; csq gains 0.02 by more epochs, dtsh 0.002, and dhn fails at seed 1."""
    seen: list = []

    def validate(run) -> Trial:
        seen.append((run.name, run.spec.bits, run.spec.seed, run.spec.settings.epochs))
        if (run.spec.method, run.spec.seed) == ("dhn", 1):
            return Trial(number=0, values={}, failure="diverged")
        gain = {"csq": 0.02, "dtsh": 0.002}.get(run.spec.method, 0.0)
        return Trial(number=0, values={}, score=0.5 + run.spec.seed / 10 + gain * (run.times - 1))

    monkeypatch.setattr(undertrained, "validate", validate)
    return seen


WORDS = ["--bits", "16", "--seeds", "0-1", "--protocol", "digits", "--set", "protocol.epochs=6"]


def test_who_moves_is_said_and_what_is_there_is_not_run_again(undertrained, validated, tmp_path, capsys) -> None:
    words = [*WORDS, "--methods", "csq,dtsh", "--out", str(tmp_path / "u.csv")]
    assert undertrained.main(words) == 0
    # by seeds, so that a call cut short has seen all methods
    assert validated[:5] == [("csq", 16, 0, 6), ("csq", 16, 0, 12), ("dtsh", 16, 0, 6), ("dtsh", 16, 0, 12), ("csq", 16, 1, 6)]  # fmt: skip
    out = capsys.readouterr().out
    assert "Moved by more than 0.005 when the epochs were doubled: csq at 16 bits (+0.0200)." in out
    (line,) = [line for line in out.splitlines() if line.startswith("dtsh ")]
    assert line.split() == ["dtsh", "16", "2", "6", "0.5500", "0.5520", "+0.0020", "0.0000"]
    rows = list(csv.DictReader((tmp_path / "u.csv").open()))
    assert [(row["method"], row["epochs"], row["validation"]) for row in rows[:2]] == [("csq", "6", "0.5"), ("csq", "12", "0.52")]  # fmt: skip

    validated.clear()
    more = [*WORDS, "--methods", "csq,dhn", "--out", str(tmp_path / "u.csv")]
    assert undertrained.main(more) == 1  # a run failed
    assert {name for name, *_ in validated} == {"dhn"}
    assert "diverged" in (tmp_path / "u.csv").read_text()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("dhn ")]
    assert line.split()[2] == "1"  # of two seeds one has both values


def test_other_settings_and_other_files_are_not_mixed(undertrained, validated, tmp_path, capsys) -> None:
    out = str(tmp_path / "u.csv")
    assert undertrained.main([*WORDS, "--methods", "csq", "--out", out]) == 0
    assert undertrained.main([*WORDS, "--methods", "csq", "--set", "optimizer.lr=0.5", "--out", out]) == 2
    assert "with other settings" in capsys.readouterr().err
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert undertrained.main([*WORDS, "--methods", "csq", "--out", str(tmp_path / "x.csv")]) == 2
    assert undertrained.main([*WORDS, "--methods", "itq", "--out", out]) == 2
    assert "itq: it is fitted" in capsys.readouterr().err


def test_twice_the_epochs_have_as_many_validations_and_the_same_setting(undertrained) -> None:
    study = a_study("csq", [0.1, 0.9])
    once, twice = undertrained.planned(
        load_catalog(), ["csq"], [16], [3], "digits", [(Path("s"), study)], ["protocol.epochs=6"], out=Path("runs")
    )
    assert (once.spec.settings.epochs, twice.spec.settings.epochs) == (6, 12)
    assert twice.spec.settings.validate_every == 2 * once.spec.settings.validate_every
    assert once.spec.optimizer["lr"] == twice.spec.optimizer["lr"] == 0.01  # of the study's best trial
    assert once.settings != twice.settings


def test_a_method_without_its_study_is_refused(undertrained, validated, tmp_path, capsys) -> None:
    a_study("csq").save(tmp_path / "s.json")
    words = [*WORDS, "--methods", "csq", "--tuned", str(tmp_path), "--out", str(tmp_path / "u.csv")]
    assert undertrained.main([*words, "--bits", "32"]) == 2
    assert "no study of csq at 32 bits under digits" in capsys.readouterr().err
    assert validated == []


@pytest.mark.slow
def test_a_training_of_two_epochs_and_one_of_four(undertrained, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    words = ["--methods", "csq", "--bits", "16", "--seeds", "0", "--protocol", "digits", "--set", "protocol.epochs=2"]
    assert undertrained.main([*words, "--out", str(tmp_path / "u.csv")]) == 0
    first, second = csv.DictReader((tmp_path / "u.csv").open())
    assert (first["epochs"], second["epochs"]) == ("2", "4")
    assert float(second["validation"]) > float(first["validation"]) > 0.2
    assert "csq at 16 bits" in capsys.readouterr().out
