"""How the program ends: interrupted wherever that comes, out of memory however that is said, and bugs as they are."""

from __future__ import annotations

import ctypes
import errno
import logging
import signal
import sys
import time
import warnings
from types import SimpleNamespace

import pytest

from hashbench.cli import as_program, memory_limit
from hashbench.cli.ending import end
from hashbench.errors import Interrupted, RunFailedError, UserError, was_interrupted


def within(*errors):
    """The last error, raised while the one before was handled, and so on."""
    try:
        if len(errors) > 1:
            try:
                raise within(*errors[:-1])
            except BaseException:
                raise errors[-1]  # noqa: B904 - as libraries do it
        raise errors[-1]
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("wrong"), 2, "wrong"),
        (RunFailedError("failed"), 1, "failed"),
        (Interrupted("saved"), 130, "saved"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (within(KeyboardInterrupt(), SyntaxError("of a formatter that catches everything")), 130, "interrupted"),
        (within(KeyboardInterrupt(), ImportError("half"), UserError("cannot be imported")), 130, "interrupted"),
        (MemoryError(), 1, "not enough memory, or threads, for this process: an allocation failed"),
        (MemoryError("Unable to allocate 7 TiB"), 1, "Unable to allocate 7 TiB"),
        (ImportError("libtorch.so: failed to map segment from shared object"), 1, "failed to map segment"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), 1, "not enough"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 1, "CUDA out of memory"),
        (RuntimeError("can't start new thread"), 1, "can't start new thread"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 1, "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/d/file"), 1, "writing /d/file failed: No space left"),
    ],
)
def test_one_line_and_a_code(capsys, error, code, words):
    assert end(error) == code
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1
    assert len(err) <= 300


@pytest.mark.parametrize(
    "error", [KeyError("x"), RuntimeError("a bug"), ImportError("no module named x"), OSError(errno.EACCES, "x")]
)
def test_a_bug_stays_what_it_is(error):
    with pytest.raises(type(error)) as raised:
        end(error)
    assert raised.value is error
    assert not was_interrupted(error)


def test_errors_that_are_each_other_s_reason_are_looked_at_once():
    one, two = ValueError(), ValueError()
    one.__context__, two.__context__ = two, one
    assert not was_interrupted(one)


def test_ctrl_c_that_is_lost_in_a_callback_of_c_comes_again(monkeypatch):
    """As in numba's compiler: LLVM calls Python, whose errors nobody can raise."""
    monkeypatch.setattr(sys, "unraisablehook", as_program._not_raised)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    @ctypes.CFUNCTYPE(None)
    def callback():
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes while we wait
            callback()
            time.sleep(60)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_errors_in_callbacks_are_reported_as_always(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "__unraisablehook__", seen.append)
    lost = SimpleNamespace(exc_value=ValueError())
    as_program._not_raised(lost)
    assert seen == [lost]


def test_warnings_of_libraries_show_control_characters(capsys):
    as_program._show_warning("Glyph \x1b[2J", UserWarning, "f.py", 1)
    handler = as_program._Warnings()
    handler.emit(logging.makeLogRecord({"msg": "file \x9b\udcff is damaged"}))
    err = capsys.readouterr().err
    assert r"Glyph \u001b[2J" in err
    assert err.endswith("file \\u009b\\udcff is damaged\n")
    assert warnings.showwarning is not as_program._show_warning, "settled for the program alone"


def test_torch_is_tried_by_a_child_where_memory_is_limited(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(memory_limit.resource, "getrlimit", lambda _: (2**30, 2**30))
    memory_limit.try_torch_first()
    attempt = sys.meta_path[0]
    assert attempt.find_spec("numpy") is None
    monkeypatch.setattr(memory_limit.os, "fork", lambda: 7)
    monkeypatch.setattr(memory_limit.os, "waitpid", lambda child, _: (child, 6))
    with pytest.raises(MemoryError, match="within 1024 MiB"):
        attempt.find_spec("torch")
    assert attempt not in sys.meta_path


def test_without_a_limit_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(memory_limit.resource, "getrlimit", lambda _: (memory_limit.resource.RLIM_INFINITY,) * 2)
    before = list(sys.meta_path)
    memory_limit.try_torch_first()
    assert sys.meta_path == before
