"""Files that are there completely or not at all, whatever they are: new, replaced, linked to, pipes, descriptors."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kill_states import contents, killed_everywhere

from hashbench.atomic import atomic_write, delete_left_by_killed, filled_folder, moved_in_part
from hashbench.errors import RunFailedError, UserError
from hashbench.results.atomic import write_bytes, write_text


def write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def test_the_old_file_is_kept_on_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write(path, b"old")

    def half() -> None:
        with atomic_write(path) as file:
            file.write(b"ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, durable: bool) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    path = folder / "f"
    path.write_bytes(b"old")

    def work() -> None:
        with atomic_write(path, durable=durable) as file:
            file.write(b"new" * 1000)

    states = killed_everywhere(folder, tmp_path / "states", work)
    assert len(states) >= 3
    assert path.read_bytes() == b"new" * 1000
    for state in states:
        assert (state / "f").read_bytes() in (b"old", b"new" * 1000)
        write(state / "f", b"next")
        assert contents(state) == {"f": b"next"}, "what was left is gone"


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".json")
    write(path, b"new")
    assert contents(tmp_path) == {path.name: b"new"}


# --- links and rights


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "table"
    target.write_bytes(b"old")
    (tmp_path / "hop").symlink_to("elsewhere/table")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "hop")
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    target.unlink()
    write_text(link, "newer")  # to where there is nothing yet
    assert link.is_symlink()
    assert target.read_text() == "newer"
    assert {path.name for path in tmp_path.rglob("*")} == {"elsewhere", "table", "hop", "link"}


def test_a_link_that_leads_nowhere_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "lost").symlink_to("no/such/folder")
    for name in ("circle", "lost"):
        with pytest.raises(UserError, match=rf"^cannot write to .*{name}: .*\. Name a folder"):
            write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_is_replaced_keeps_its_rights(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_nobody_else_can_read_a_secret_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with atomic_write(path) as file:
        file.write(b"secret")
        modes = {stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    os.chown(path, 1234, 4321)
    write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_file_that_must_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as it is for everybody but root
    with pytest.raises(UserError, match="Permission denied"):
        write_bytes(path, b"new")
    assert contents(tmp_path) == {"f": b"old"}


# --- what is no regular file


def test_a_pipe_s_reader_gets_all_and_the_pipe_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    content = os.urandom(300_000)  # more than a pipe holds
    write_bytes(pipe, content)
    reader.join()
    assert got == [content]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_reader_that_goes_away_is_one_line(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: pipe.open("rb").close())
    reader.start()
    with pytest.raises(RunFailedError, match=r"pipe failed: whoever read from it is gone\.$"):
        write_bytes(pipe, bytes(300_000))
    reader.join()


def test_devices_are_written_into(tmp_path: Path) -> None:
    before = os.stat("/dev/null")
    write_text(Path("/dev/null"), "gone")
    assert os.stat("/dev/null").st_ino == before.st_ino
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(RunFailedError, match="No space left on device"):
        write_text(tmp_path / "link", "no room")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_disk_is_not_overwritten(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"all of it")
    facts = os.stat_result((stat.S_IFBLK | 0o600, *path.stat()[1:]))
    monkeypatch.setattr("hashbench.special_file.os.stat", lambda *_, **__: facts)
    with pytest.raises(PermissionError, match="a disk"):
        write(path, b"new")
    assert path.read_bytes() == b"all of it"


DESCRIPTORS = """
import os, sys
from pathlib import Path
from hashbench.results.atomic import write_text
print("before")
for path in sys.argv[1:]:
    write_text(Path(path), f"{os.path.basename(path)}\\n")
print("after")
"""


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_standard_output_by_its_path_keeps_all_that_was_printed(tmp_path: Path, to: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = [sys.executable, "-c", DESCRIPTORS, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", str(tmp_path / "link")]
    if to == "file":
        with open(tmp_path / "file", "wb") as file:
            subprocess.run(command, stdout=file, check=True)
        printed = (tmp_path / "file").read_text()
    else:
        printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert printed == "before\nstdout\n1\n1\nlink\nafter\n"
    assert (tmp_path / "link").is_symlink()


def test_a_descriptor_that_is_not_open_is_one_line() -> None:
    with pytest.raises(UserError, match="cannot write to /dev/fd/987: Bad file descriptor"):
        write_text(Path("/dev/fd/987"), "new")


# --- what killed writers leave


def leave(path: Path, digit: str = "0") -> Path:
    """A file as a writer of `path` has it before it renames it."""
    left = path.with_name(f".{path.name}.{digit * 32}.tmp")
    left.write_bytes(b"ha")
    return left


def test_the_next_writer_deletes_what_was_left_of_this_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    left, other, foreign = leave(path), leave(tmp_path / "other.csv"), tmp_path / ".table.csv.swp"
    foreign.write_bytes(b"an editor's")
    with atomic_write(path) as file:
        assert not left.exists()
        file.write(b"new")
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, other.name, foreign.name}


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with atomic_write(path) as first:
        first.write(b"first")
        with atomic_write(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    held, left = leave(path, "1"), leave(path, "2")
    with open(held, "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        delete_left_by_killed(path)
        assert held.exists()
        assert not left.exists()


def test_a_writer_whose_new_file_is_taken_for_a_leftover_begins_again(tmp_path: Path, monkeypatch) -> None:
    path, flock, taken = tmp_path / "f", fcntl.flock, []

    def taken_at_first(descriptor: int, operation: int) -> None:
        if not taken:
            taken.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            os.unlink(taken[0])
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", taken_at_first)
    write(path, b"new")
    assert taken
    assert contents(tmp_path) == {"f": b"new"}


# --- folders


def fill(folder: Path, word: str) -> None:
    with filled_folder(folder, "index") as made:
        for name in ("a", "b", "index"):
            (made / name).write_text(f"{name} {word}")


@pytest.mark.parametrize("before", ["absent", "empty", "old"])
def test_a_kill_at_any_step_of_filling_a_folder_is_told_by_its_mark(tmp_path: Path, before: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    target = root / "made"
    if before != "absent":
        target.mkdir()
        (target / "mine").write_text("mine")
    if before == "old":
        fill(target, "old")
    old = contents(target)
    states = killed_everywhere(root, tmp_path / "states", lambda: fill(target, "new"))
    new = contents(target)
    assert new == {"a": b"a new", "b": b"b new", "index": b"index new"} | (
        {} if before == "absent" else {"mine": b"mine"}
    )
    for state in states:
        found = {name: content for name, content in contents(state / "made").items() if ".tmp" not in name}
        if "index" in found:
            assert found in (old, new)
            assert not moved_in_part(state / "made", "index")
        elif before == "absent":
            assert found == {}
        elif len(found) > 1:
            assert moved_in_part(state / "made", "index")
        fill(state / "made", "new")
        assert contents(state) == contents(root)


def test_a_link_to_a_folder_and_links_in_it_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    (tmp_path / "kept").write_text("old")
    (tmp_path / "real" / "a").symlink_to("../kept")
    fill(tmp_path / "out", "new")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "a").is_symlink()
    assert (tmp_path / "kept").read_text() == "a new"
    assert (tmp_path / "real" / "index").read_text() == "index new"


def test_an_error_within_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path / "made", "old")
    old = contents(tmp_path)
    for name in ("made", "new"):
        with pytest.raises(RuntimeError), filled_folder(tmp_path / name, "index") as made:
            half_filled(made)
        assert contents(tmp_path) == old


def half_filled(folder: Path) -> None:
    (folder / "a").write_text("half")
    raise RuntimeError
