"""Outputs that take nothing more, or not all characters: no traceback, no lost work, and an exit code that says so."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from hashbench.cli import main, say


class Broken(io.TextIOBase):
    """An output that fails."""

    encoding = "utf-8"

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error


def run(monkeypatch, capfd, stdout, *words):
    """(exit code, what standard error says)."""
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code, capfd.readouterr().err


@pytest.mark.parametrize(
    "words", [("list",), ("show", "dsh"), ("env",), ("--version",), ("reproduce",), ("list", "--json")]
)
def test_a_full_disk_behind_standard_output_is_one_line(monkeypatch, capfd, words):
    code, err = run(monkeypatch, capfd, Broken(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), *words)
    assert (code, err) == (1, "error: standard output takes no more: No space left on device\n")


def test_help_on_a_full_disk_is_one_line(monkeypatch, capfd):
    code, err = run(monkeypatch, capfd, Broken(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), "run", "--help")
    assert code == 1
    assert err.startswith("error: writing the output failed: No space left on device")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), ValueError("I/O operation on closed file.")]
)
def test_a_reader_that_has_left_is_no_fault_and_stops_no_work(
    monkeypatch, capfd, tmp_path, store_record, make_record, error
):
    store_record(tmp_path / "runs", make_record())
    board = tmp_path / "board.csv"
    assert run(monkeypatch, capfd, Broken(error), "leaderboard", str(tmp_path / "runs"), "--csv", str(board)) == (0, "")
    assert board.is_file()


def test_a_wrong_request_stays_wrong_whoever_listens(monkeypatch, capfd):
    code, err = run(monkeypatch, capfd, Broken(OSError(errno.ENOSPC, "No space left on device")), "show", "nothing")
    assert code == 2
    assert "nothing is named 'nothing'" in err


def test_standard_output_that_was_closed_before(monkeypatch, capfd):
    assert run(monkeypatch, capfd, None, "list") == (0, "")


def test_standard_error_that_fails_stops_nothing(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stderr", Broken(BrokenPipeError()))
    say.say("lost")
    say.say("lost")
    monkeypatch.setattr(sys, "stderr", None)
    say.say("lost")
    assert run(monkeypatch, capfd, sys.stdout, "list", "methods")[0] == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_takes_accents_tables_and_halves_of_characters(
    monkeypatch, capfd, tmp_path, store_record, make_record, encoding
):
    folder = tmp_path / "h\u00e9-\u4e2d-\udcff"
    store_record(folder, make_record())
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    code, err = run(monkeypatch, capfd, output, "leaderboard", str(folder))
    assert (code, err) == (0, "")
    output.seek(0)
    text = output.read()
    assert "a1b2c3d4" in text
    assert ("─" in text) == (encoding == "utf-8"), "lines of tables as the encoding has them"
    code, err = run(
        monkeypatch, capfd, io.TextIOWrapper(io.BytesIO(), encoding=encoding), "leaderboard", f"{folder}/no"
    )
    assert code == 2
    assert "\\udcff/no" in err


def test_a_working_folder_that_was_deleted_is_one_line(monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)

    def gone():
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", gone)
    code, err = run(monkeypatch, capfd, sys.stdout, "list")
    assert (code, err) == (2, "error: the working folder has been deleted: change to one that exists\n")
