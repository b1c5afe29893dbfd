"""Each check of shallow methods catches a method that is broken in just that point."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hashbench.testing import Subject, checks_of, run_check

GOOD = {"kind": "shallow", "title": "a toy", "deviations": ["No paper: a toy."]}


@pytest.fixture
def subject(tmp_path, monkeypatch):
    """subject(class name, **changes of the entry) -> Subject."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(cls, **changes):
        (tmp_path / "hashbench.yaml").write_text(
            yaml.safe_dump({"methods": {"toy": {"class": f"broken_shallow:{cls}", **GOOD, **changes}}})
        )
        return Subject.load("toy", folder=tmp_path)

    return make


def result(subject, name):
    (check,) = (c for c in checks_of(subject) if c.name == name)
    return run_check(check, subject)


def test_a_good_method_passes_every_check(subject):
    good = subject("Good")
    results = {check.name: run_check(check, good) for check in checks_of(good)}
    assert [name for name, found in results.items() if found.outcome == "fail"] == []
    assert results["too_many_bits"].outcome == "skip"
    assert "gives 64 bits" in results["too_many_bits"].reason
    passed = [name for name, found in results.items() if name.startswith("sklearn:") and found.outcome == "pass"]
    assert len(passed) > 40


def test_a_good_method_without_codes_passes_every_check(subject):
    good = subject("Vectors")
    results = {check.name: run_check(check, good) for check in checks_of(good)}
    assert [name for name, found in results.items() if found.outcome == "fail"] == []
    assert {name for name, found in results.items() if "there are no codes" in found.reason} == {
        "bits",
        "too_many_bits",
    }


@pytest.mark.parametrize(
    ("cls", "check", "reason"),
    [
        ("SecondArgument", "constructor", "the first arguments must be bits, random_state"),
        ("OneBitMore", "bits", "(80, 5) for 80 samples in 4 bits"),
        ("OtherSigns", "bits", "not the signs"),
        ("FloatCodes", "bits", "codes are float64"),
        ("UnknownRanking", "bits", "ranking is 'euclidean': the harness knows hamming and cosine"),
        ("OtherVectors", "bits", "transform gives other vectors"),
        ("GlobalRandomNumbers", "deterministic", "two fits with one random_state differ"),
        ("CannotBePickled", "copies", "cannot be pickled"),
        ("ForgetsAParameter", "copies", "Error"),
        ("ForgetsAParameter", "sklearn:check_estimator_cloneable", "Error"),
        ("LooksAtTheOthers", "sample_alone", "depend on the others"),
        ("OneLabelOnly", "several_labels", "class ids wanted"),
        ("IndexErrorForManyBits", "too_many_bits", "IndexError"),
        ("VagueAboutBits", "too_many_bits", "not in one line about bits"),
        ("FewerBitsThanAsked", "too_many_bits", "codes have shape (30, 4)"),
        ("TwoLinesForOneClass", "few_samples", "one class: the refusal is not one line"),
        ("NanForConstants", "repeated_samples", "not finite"),
        ("LeavesInFit", "deterministic", "SystemExit: gone"),
        ("RaisesAnEventOfItsOwn", "deterministic", "Stop: enough"),
    ],
)
def test_broken_classes_are_caught(subject, cls, check, reason):
    found = result(subject(cls), check)
    assert found.outcome == "fail"
    assert reason in found.reason
    assert result(subject("Good"), check).outcome != "fail"


@pytest.mark.parametrize(
    ("cls", "entry", "reason"),
    [
        ("Good", {"hparams": {"centre": False}}, "unexpected keyword argument 'centre'"),
        ("Good", {"hparams": {"bits": 8}}, "multiple values for keyword argument 'bits'"),
        ("LeavesWhenBuilt", {}, "SystemExit: 3"),
    ],
)
def test_a_method_that_cannot_be_built_fails_its_checks_and_ends_nothing(subject, cls, entry, reason):
    broken = subject(cls, **entry)
    found = [run_check(check, broken) for check in checks_of(broken)]
    reasons = {one.check: one.reason for one in found if one.outcome == "fail"}
    assert reason in reasons["sklearn"]
    assert reason in reasons["deterministic"]


def test_what_is_not_defined_is_skipped_with_its_reason(subject):
    found = result(subject("SaysOneLabel"), "several_labels")
    assert found.outcome == "skip"
    assert "multilabel = False" in found.reason


def test_values_that_only_a_fit_refuses_are_found_in_presets_and_search_spaces(subject):
    preset = {"presets": {"raw": {"center": False}}, "preset_notes": {"raw": "not centred"}}
    search = {"search": {"center": {"choice": [True, False]}}}
    assert result(subject("Good", **preset, **search), "presets").outcome == "pass"
    assert result(subject("Good", **preset, **search), "search_space").outcome == "pass"
    broken = subject("RefusesToCentreNot", **preset, **search)
    assert result(broken, "presets").reason == "preset raw does not build: center = False is not possible"
    assert result(broken, "search_space").reason == "search: center = False is refused: center = False is not possible"
