"""bf16 where the processor has no instructions for it is said to cost time."""

from __future__ import annotations

import pytest
from test_warned_runs import Listening

from hashbench.engine import precision
from hashbench.engine.precision import cpu_has_bf16, slower_than_fp32


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse avx512f avx512_bf16 amx_tile\n\nprocessor\t: 1\n", True),
        ("flags\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t: fpu avx2 avx512f\nbugs\t: bf16\n", False),
        ("flags\t: \n", False),
        ("model name\t: bf16\n", None),
    ],
)
def test_what_a_processor_says_of_itself(tmp_path, content, expected):
    file = tmp_path / "cpuinfo"
    file.write_text(content)
    assert cpu_has_bf16(file) is expected
    assert cpu_has_bf16(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("precision_", "device", "has", "warned"),
    [
        ("bf16", "cpu", False, True),
        ("bf16", "cpu", True, False),
        ("bf16", "cpu", None, False),
        ("bf16", "cuda:0", False, False),
        ("fp32", "cpu", False, False),
    ],
)
def test_only_a_wrong_use_is_told(monkeypatch, precision_, device, has, warned):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: has)
    assert bool(slower_than_fp32(precision_, device)) is warned


def test_a_run_says_it_once_in_one_line(do_run, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    listening = Listening()
    do_run(changes={"precision": "bf16", "epochs": 1}, reporter=listening)
    (said,) = [line for line in listening.warnings if "bf16" in line]
    assert "slower than fp32 on this processor" in said
    assert "\n" not in said
