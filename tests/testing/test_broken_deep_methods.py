"""Each check of deep methods catches a method that is broken in just that point, and says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hashbench.testing import Subject, checks_of, processes, run_check

SGD = {"type": "SGD", "lr": 0.05}
GOOD = {
    "kind": "deep",
    "title": "a toy",
    "optimizer": SGD,
    "deviations": ["No paper: a toy."],
}


@pytest.fixture
def outcome(tmp_path):
    """outcome(class name, check, **changes of the entry) -> Result."""

    def run(cls, check, **changes):
        entry = {"class": f"broken_deep:{cls}", **GOOD, **changes}
        (tmp_path / "hashbench.yaml").write_text(yaml.safe_dump({"methods": {"toy": entry}}))
        subject = Subject.load("toy", folder=tmp_path)
        (found,) = (c for c in checks_of(subject) if c.name == check)
        return run_check(found, subject)

    return run


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)  # for the two processes


def test_a_good_method_passes_every_check(tmp_path):
    (tmp_path / "hashbench.yaml").write_text(
        yaml.safe_dump(
            {
                "methods": {
                    "toy": {
                        "class": "broken_deep:Good",
                        **GOOD,
                        "presets": {"p": {"alpha": 2.0}},
                        "preset_notes": {"p": "more"},
                    }
                }
            }
        )
    )
    subject = Subject.load("toy", folder=tmp_path)
    results = [run_check(check, subject) for check in checks_of(subject)]
    assert [r.check for r in results if r.outcome == "fail"] == []
    assert [(r.check, r.outcome) for r in results if r.outcome != "pass"] == [("search_space", "skip")]


@pytest.mark.parametrize(
    ("cls", "check", "reason"),
    [
        ("NotAMethod", "class", "no subclass of DeepMethod"),
        ("VarKeyword", "constructor", "name every argument"),
        ("VarKeyword", "unknown_hparam", "accepts a hyper-parameter"),
        ("Positional", "constructor", "bits must be keyword-only"),
        ("Untyped", "constructor", "alpha has no type"),
        ("NoDefault", "constructor", "alpha has no default"),
        ("Detached", "loss_terms", "the loss has no gradient"),
        ("WithoutGradient", "loss_terms", "is 0: is the batch detached"),
        ("Vector", "loss_terms", "no 0-dim tensor"),
        ("NoTerms", "loss_terms", "no dict of terms"),
        ("ReservedName", "loss_terms", "'lr' is a name that the history uses"),
        ("TensorDiagnostic", "loss_terms", "'centre' is a Tensor"),
        ("NanForOneClass", "one_class", "term 'apart' is nan"),
        ("NanForAllDifferent", "all_different", "term 'together' is nan"),
        ("NanForOne", "batch_of_one", "term 'spread' is nan"),
        ("TwoLineRefusal", "batch_of_one", "several lines"),
        ("InfiniteWhenSaturated", "saturated_codes", "saturated logits, 12 samples: term 'barrier' is inf"),
        ("InfiniteForEqualCodes", "saturated_codes", "saturated logits, 12 samples"),
        ("NanAtZero", "zero_codes", "term 'norm' is nan"),
        ("SingleLabelOnly", "several_labels", "Error"),
        ("RefusesSeveral", "several_labels", "say multilabel = False"),
        ("OrderMatters", "order_of_batch", "the loss depends on the order"),
        ("OrderMattersInGradient", "order_of_batch", "the gradient of a sample depends on the order"),
        ("TooFewBits", "codes", "have shape (10, 4)"),
        ("CodesOfTheBatch", "codes", "depend on the rest of the batch"),
        ("GlobalRandomNumbers", "deterministic", "two trainings from one seed differ"),
        ("ForgetsItsState", "state_round_trip", "keep state in buffers"),
        ("NeedsItsStart", "state_round_trip", "a restored training fails: AttributeError"),
        ("SavesAnObject", "state_round_trip", "something else than tensors and plain values"),
        ("CannotBeLoaded", "state_round_trip", "cannot be loaded again"),
        ("NoReducedPrecision", "bf16", "float32 wanted"),
        ("KnowsItsRank", "two_processes", "on one process and"),
        ("GradientOfItsRank", "two_processes", "the gradient of"),
    ],
)
def test_broken_classes_are_caught(outcome, cls, check, reason):
    found = outcome(cls, check)
    assert found.outcome == "fail"
    assert reason in found.reason
    assert "\n" not in found.reason
    assert outcome("Good", check).outcome == "pass"


@pytest.mark.parametrize(
    ("changes", "check", "reason"),
    [
        ({"kind": "shallow", "optimizer": {}, "schedule": {}}, "class", "no subclass of ShallowMethod"),
        ({"hparams": {"alhpa": 2.0}}, "entry_hparams", "the constructor takes no alhpa; it takes alpha"),
        ({"title": " "}, "registry_entry", "no title"),
        ({"deviations": []}, "registry_entry", "no paper"),
        ({"presets": {"p": {"alpha": 2.0}}}, "registry_entry", "preset_notes are for none"),
        ({"presets": {"p": {"beta": 2.0}}, "preset_notes": {"p": "-"}}, "registry_entry", "preset p: beta is neither"),
        (
            {"presets": {"p": {"data.lr": 1}}, "preset_notes": {"p": "-"}},
            "registry_entry",
            "preset p: data.lr is neither",
        ),
        ({"presets": {"default": {}}, "preset_notes": {"default": "-"}}, "registry_entry", "name the preset otherwise"),
        ({"presets": {"p": {"alpha": -1.0}}}, "presets", "preset p does not build: alpha = -1.0 must be > 0"),
        (
            {"presets": {"p": {"optimizer.beta": 1.0}}},
            "presets",
            "preset p does not build: optimizer.beta: SGD has no such",
        ),
        ({"presets": {"p": {"schedule.type": "stairs"}}}, "presets", "no schedule 'stairs'"),
        ({"search": {"beta": {"log": [0.1, 1.0]}}}, "search_space", "beta is not among"),
        ({"search": {"optimizer.momentum": {"log": [0.1, 1.0]}}}, "search_space", "optimizer.momentum is not among"),
        ({"search": {"alpha": {"log": [0.0, 1.0]}}}, "search_space", "is not a range"),
        ({"search": {"alpha": {"uniform": [1.0, 1.0]}}}, "search_space", "is not a range"),
        ({"search": {"alpha": {"normal": [0.0, 1.0]}}}, "search_space", "must be one of"),
        ({"search": {"alpha": {"choice": [1.0]}}}, "search_space", "nothing to choose"),
        ({"search": {"alpha": {"uniform": [-1.0, 1.0]}}}, "search_space", "alpha = -1.0 is refused: alpha = -1.0 must"),
    ],
)
def test_broken_entries_are_caught(outcome, changes, check, reason):
    found = outcome("Good", check, **changes)
    assert found.outcome == "fail"
    assert reason in found.reason


def test_a_search_space_whose_corner_is_refused_is_caught(tmp_path):
    (tmp_path / "corner_method.py").write_text(
        "from broken_deep import Good\n"
        "from hashbench.models.deep import require\n"
        "class Corner(Good):\n"
        "    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 1.0, beta: float = 1.0) -> None:\n"
        "        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)\n"
        "        require(alpha * beta < 5, f'alpha * beta = {alpha * beta} must be < 5')\n"
    )
    search = {"alpha": {"log": [0.1, 3.0]}, "beta": {"log": [0.1, 3.0]}}
    entry = {**GOOD, "class": "corner_method:Corner", "search": search}
    (tmp_path / "hashbench.yaml").write_text(yaml.safe_dump({"methods": {"corner": entry}}))
    subject = Subject.load("corner", folder=tmp_path)
    (check,) = (c for c in checks_of(subject) if c.name == "search_space")
    assert (
        run_check(check, subject).reason
        == "search: the highest values together are refused: alpha * beta = 9.0 must be < 5"
    )


def test_an_entry_may_replace_defaults_of_its_class(tmp_path):
    entries = {
        "first": {"class": "broken_deep:Good", **GOOD},
        "second": {"class": "broken_deep:Good", **GOOD, "hparams": {"alpha": 2.0}},
    }
    (tmp_path / "hashbench.yaml").write_text(yaml.safe_dump({"methods": entries}))
    subject = Subject.load("second", folder=tmp_path)
    (check,) = (c for c in checks_of(subject) if c.name == "entry_hparams")
    assert run_check(check, subject).outcome == "pass"
    assert subject.defaults == {"alpha": 2.0}
    assert Subject.load("first", folder=tmp_path).defaults == {"alpha": 1.0}


def test_what_does_not_apply_is_skipped_with_its_reason(outcome):
    found = outcome("SaysSingleLabel", "several_labels")
    assert found.outcome == "skip"
    assert "multilabel = False" in found.reason
    assert outcome("Good", "search_space").outcome == "skip"


def test_a_worker_that_dies_fails_the_check_and_the_next_method_gets_new_ones(outcome, tmp_path):
    (tmp_path / "dying_method.py").write_text(
        "import os, torch\nfrom broken_deep import Good\n"
        "class Dying(Good):\n"
        "    def loss(self, batch):\n"
        "        if torch.distributed.is_initialized():\n"
        "            os._exit(1)\n"
        "        return super().loss(batch)\n"
    )
    entry = {**GOOD, "class": "dying_method:Dying"}
    (tmp_path / "hashbench.yaml").write_text(yaml.safe_dump({"methods": {"dying": entry}}))
    subject = Subject.load("dying", folder=tmp_path)
    (check,) = (c for c in checks_of(subject) if c.name == "two_processes")
    found = run_check(check, subject)
    assert found.outcome == "fail"
    assert found.reason.startswith("on two processes: ")
    assert outcome("Good", "two_processes").outcome == "pass"


def test_two_processes_that_do_not_answer_are_given_up(outcome, monkeypatch):
    assert outcome("Good", "two_processes").outcome == "pass"  # they have started, which may take long
    monkeypatch.setattr(processes, "ANSWERING", 1.0)
    monkeypatch.setattr(processes, "SLOWER", 1.0)
    found = outcome("HangsOnTwo", "two_processes")
    assert found.outcome == "fail"
    assert found.reason.startswith("two processes give no answer within ")
