"""The cache: one folder for everything. Features: computed once by whoever asks first, never believed when damaged, never a reason to fail."""

import json
import logging
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from hashbench.cache import FeatureCache, cache_root
from hashbench.data.cifar10 import CIFAR10
from hashbench.errors import UserError

KEY = {"data": "d1", "weights": "w1", "backbone": {"name": "x", "widths": [1, 2]}, "precision": "fp32"}
ROWS = np.array([4, 1, 7, 2, 9])


class Compute:
    """Row r has features [r, r + 0.5, ...], in blocks of two; counts its calls."""

    def __init__(self, width: int = 3) -> None:
        self.width = width
        self.calls = 0

    def __call__(self, rows):
        self.calls += 1
        for start in range(0, len(rows), 2):
            yield rows[start : start + 2, None].astype(np.float32) + np.arange(self.width, dtype=np.float32) / 2


EXPECTED = ROWS[:, None] + np.arange(3) / 2


def ask(root, compute, key=KEY, rows=ROWS, width=3) -> np.ndarray:
    return FeatureCache(root).get_or_compute(key, rows, compute, width)


def test_computed_once_then_mapped(tmp_path):
    compute = Compute()
    first, second = ask(tmp_path, compute), ask(tmp_path, compute)
    assert compute.calls == 1
    np.testing.assert_array_equal(first, EXPECTED)
    np.testing.assert_array_equal(second, EXPECTED)
    assert second.dtype == np.float32
    assert isinstance(second, np.memmap)
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock") == [".json", ".npy"]


def test_changing_the_result_changes_no_file(tmp_path):
    ask(tmp_path, Compute())
    ask(tmp_path, Compute())[:] = -1
    compute = Compute()
    np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 0


@pytest.mark.parametrize(
    "change",
    [
        {"key": {**KEY, "data": "d2"}},
        {"key": {**KEY, "weights": None}},
        {"key": {**KEY, "backbone": {"name": "x", "widths": [2, 1]}}},
        {"rows": ROWS[::-1]},
        {"rows": ROWS[:4]},
        {"rows": np.array([4, 1, 7, 2, 8])},
        {"width": 4},
    ],
)
def test_everything_that_matters_is_in_the_name(tmp_path, change):
    ask(tmp_path, Compute())
    compute = Compute(change.get("width", 3))
    features = ask(tmp_path, compute, **change)
    assert compute.calls == 1
    np.testing.assert_array_equal(features[:, 0], change.get("rows", ROWS))


def test_order_of_the_key_and_type_of_the_rows_do_not_matter(tmp_path):
    ask(tmp_path, Compute())
    compute = Compute()
    ask(tmp_path, compute, key=dict(reversed(KEY.items())), rows=ROWS.astype(np.int32))
    assert compute.calls == 0


def test_no_rows(tmp_path):
    assert ask(tmp_path, Compute(), rows=np.array([], np.int64)).shape == (0, 3)
    assert ask(tmp_path, Compute(), rows=np.array([], np.int64)).shape == (0, 3)


def only(root: Path, suffix: str) -> Path:
    (path,) = root.glob(f"*{suffix}")
    return path


def flip_a_byte(root: Path) -> None:
    path = only(root, ".npy")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def cut(suffix: str, keep: float):
    def damage(root: Path) -> None:
        path = only(root, suffix)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return damage


def other_shape(root: Path) -> None:
    np.save(only(root, ".npy"), np.zeros((5, 2), np.float32))


def no_checksum(root: Path) -> None:
    only(root, ".json").write_text("{}")


DAMAGES = [flip_a_byte, cut(".npy", 0.9), cut(".npy", 0.1), cut(".npy", 0), cut(".json", 0.5), cut(".json", 0)]


@pytest.mark.parametrize("damage", [*DAMAGES, other_shape, no_checksum])
def test_damage_is_found_said_and_repaired(tmp_path, caplog, damage):
    ask(tmp_path, Compute())
    damage(tmp_path)
    compute = Compute()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 1
    assert "damaged" in caplog.text
    assert str(tmp_path) in caplog.text
    again = Compute()
    np.testing.assert_array_equal(ask(tmp_path, again), EXPECTED)
    assert again.calls == 0


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_a_lost_file_is_no_damage(tmp_path, caplog, suffix):
    ask(tmp_path, Compute())
    only(tmp_path, suffix).unlink()
    compute = Compute()
    np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 1
    assert caplog.records == []


def test_a_computation_that_breaks_off_leaves_nothing(tmp_path):
    def broken(rows):
        yield np.zeros((2, 3), np.float32)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path, broken)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    compute = Compute()
    np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 1


@pytest.mark.parametrize("block", [np.zeros((4, 3)), np.zeros((6, 3)), np.zeros((5, 2)), np.zeros(5)])
def test_a_wrong_number_of_features_is_an_error(tmp_path, block):
    with pytest.raises(ValueError, match="features"):
        ask(tmp_path, lambda rows: iter([block]))


def test_a_key_that_is_not_json_is_an_error(tmp_path):
    with pytest.raises(TypeError):
        ask(tmp_path, Compute(), key={"path": Path("x")})


def test_a_folder_that_cannot_be_made_costs_a_warning(tmp_path, caplog):
    """Its place is taken by a file: also true for root, whom permissions do not stop."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    compute = Compute()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(ask(blocked / "cache", compute), EXPECTED)
    assert compute.calls == 1
    (record,) = caplog.records
    assert "not cached" in record.message
    assert "HASHBENCH_CACHE" in record.message


def test_a_full_disk_costs_a_warning_and_no_second_computation(tmp_path, caplog, monkeypatch):
    def full(file, array):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    compute = Compute()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 1
    assert "No space left" in caplog.text
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_read_only_cache_is_read(tmp_path, monkeypatch):
    ask(tmp_path, Compute())

    def forbidden(*args, **kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr("filelock.FileLock.acquire", forbidden)
    monkeypatch.setattr(Path, "mkdir", forbidden)
    compute = Compute()
    np.testing.assert_array_equal(ask(tmp_path, compute), EXPECTED)
    assert compute.calls == 0


def work(root: str, barrier, results) -> None:
    def slow(rows):
        with open(os.path.join(root, "calls"), "a") as file:
            file.write("x")
        time.sleep(0.5)
        yield rows[:, None].astype(np.float32) + np.arange(3, dtype=np.float32) / 2

    barrier.wait()
    results.put(np.array(FeatureCache(Path(root)).get_or_compute(KEY, ROWS, slow, 3)).tolist())


def test_several_processes_compute_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=work, args=(str(tmp_path), barrier, results)) for _ in range(4)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(timeout=30)
        assert process.exitcode == 0
    assert (tmp_path / "calls").read_text() == "x"
    assert all(answer == EXPECTED.tolist() for answer in answers)


def test_where_the_cache_is(tmp_path, monkeypatch):
    def roots() -> set[Path]:
        return {cache_root(), FeatureCache().root, CIFAR10().root}

    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "mine"))
    assert roots() == {tmp_path / "mine"}
    assert FeatureCache(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.delenv("HASHBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert roots() == {tmp_path / "xdg" / "hashbench"}
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert roots() == {tmp_path / ".cache" / "hashbench"}
    monkeypatch.setenv("HASHBENCH_CACHE", "~/here")
    assert roots() == {tmp_path / "here"}


def test_a_user_without_a_home_has_a_cache_among_the_temporary_files(tmp_path, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("HASHBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache_root() == tmp_path / f"hashbench-{os.getuid()}"


def test_the_home_of_nobody_is_refused(monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", "~no_such_user_here/cache")
    with pytest.raises(UserError, match=r"HASHBENCH_CACHE = ~no_such_user_here/cache: .*full path"):
        cache_root()


def test_the_entry_says_what_it_is(tmp_path):
    ask(tmp_path, Compute())
    head = json.loads(only(tmp_path, ".json").read_text())
    assert head["key"] == KEY
    assert head["shape"] == [5, 3]


@pytest.mark.parametrize(
    "head",
    [b"[" * 100_000, b"[]", b"null", b'{"sha256": [[1]]}', b'{"sha256": 1e999}', b"\xff", b'"' + b"x" * 10**6 + b'"'],
)
def test_a_head_that_is_damaged_in_any_way_is_computed_again(tmp_path, head):
    cache, rows, features = FeatureCache(tmp_path), np.arange(3), np.ones((3, 2), np.float32)
    compute = lambda _: iter([features])  # noqa: E731
    cache.get_or_compute({"a": 1}, rows, compute, 2)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(head)
    np.testing.assert_array_equal(cache.get_or_compute({"a": 1}, rows, compute, 2), features)
    assert b"sha256" in path.read_bytes()
    assert path.read_bytes() != head
