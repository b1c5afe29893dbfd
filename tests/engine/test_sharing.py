"""Work divided among processes comes together again: in order, whole, and with one answer to an error."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gloo_processes import on_processes

from hashbench.data import BatchLoader, DataTable, DeviceTransform
from hashbench.engine import sharing
from hashbench.engine.distributed import launch_if_asked, rank, world_size
from hashbench.engine.sharing import (
    all_rows,
    divide_batches,
    failing_together,
    from_first,
    in_rank_order,
    parts,
    shared_map,
)
from hashbench.errors import RunFailedError

ROWS = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)


def loader(rows: int, batch_size: int) -> BatchLoader:
    table = DataTable("rows", torch.arange(40.0).reshape(40, 1), torch.zeros(40, dtype=torch.int64), 1)
    return BatchLoader(table, np.arange(rows), batch_size=batch_size, transform=DeviceTransform("feature"))


def fails_nowhere() -> bool:
    with failing_together():
        return False


def everything() -> dict:
    """All functions on this process; `sharing._PIECE` of 30 bytes sends two rows of `ROWS` at a time."""
    sharing._PIECE = 30
    counts = [len(part) for part in parts(len(ROWS))]
    mine = parts(len(ROWS))[rank()]
    few = parts(1)[rank()]
    batches, rows = divide_batches(loader(21, 4))
    return {
        "rank": rank(),
        "ranges": [list(part) for part in parts(7)],
        "batches": [list(part) for part in batches],
        "rows": rows,
        "pieces": max(len(piece) for piece in in_rank_order(ROWS[mine.start : mine.stop], counts)),
        "all": all_rows(ROWS[mine.start : mine.stop], counts),
        "bytes": all_rows(np.full((len(few), 5), 7, np.uint8), [len(part) for part in parts(1)]),
        "none": all_rows(np.empty((0, 2)), [0] * world_size()),
        "flat": all_rows(np.arange(len(mine)) + mine.start, counts),
        "first": from_first({"rank": rank(), "nan": float("nan")}),
        "map": shared_map(lambda text: (text * 2, rank()), "abcde"),
        "fails": fails_nowhere(),
        "map of nothing": shared_map(str, []),
    }


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> list[dict]:
    return on_processes(3, tmp_path_factory.mktemp("three") / "meeting", everything)


def test_parts_follow_one_another():
    assert parts(7) == [range(7)]


def test_three_processes_hold_the_whole(three):
    assert [answer["rank"] for answer in three] == [0, 1, 2]
    for answer in three:
        assert answer["ranges"] == [[0, 1], [2, 3], [4, 5, 6]]
        np.testing.assert_array_equal(answer["all"], ROWS)
        assert answer["all"].dtype == np.float32
        np.testing.assert_array_equal(answer["flat"], np.arange(len(ROWS)))
        assert answer["pieces"] == 2
        assert answer["first"]["rank"] == 0
        assert answer["fails"] is False


def test_whole_batches_with_a_short_last_one(three):
    for answer in three:
        assert answer["batches"] == [[0], [1, 2], [3, 4]]  # the 21st row has joined the batch before: no batch of one
        assert answer["rows"] == [4, 8, 9]
    assert divide_batches(loader(21, 4)) == ([range(5)], [21])


def test_empty_parts(three):
    for answer in three:
        np.testing.assert_array_equal(answer["bytes"], np.full((1, 5), 7, np.uint8))
        assert answer["none"].shape == (0, 2)
        assert answer["map of nothing"] == []


def test_a_map_in_order_each_process_with_its_part(three):
    for answer in three:
        assert answer["map"] == [("aa", 0), ("bb", 1), ("cc", 1), ("dd", 2), ("ee", 2)]


def test_one_process_exchanges_nothing():
    answer = everything()
    assert answer["all"].tobytes() == ROWS.tobytes()
    assert answer["map"] == [("aa", 0), ("bb", 0), ("cc", 0), ("dd", 0), ("ee", 0)]
    with pytest.raises(ZeroDivisionError), failing_together():
        _ = 1 / 0


@pytest.mark.parametrize(("device", "index"), [("cuda:0", 0), ("cuda:5", 5), ("cuda", 3), ("cpu", None)])
def test_a_process_sends_from_the_gpu_it_works_on(monkeypatch, device, index):
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "3")
    chosen, backends = [], []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **_: backends.append(backend))
    launch_if_asked(device)
    assert chosen == ([] if index is None else [index])
    assert backends == ["gloo" if index is None else "nccl"]


@pytest.fixture(autouse=True)
def same_pieces(monkeypatch):
    monkeypatch.setattr(sharing, "_PIECE", sharing._PIECE)  # `everything` changes it


def fail_on_the_second() -> None:
    with failing_together():
        if rank() == 1:
            raise ValueError("no luck here\nand a second line")


def fail_in_a_map() -> None:
    shared_map(lambda n: 1 // n, [1, 1, 0])


def test_all_fail_where_one_does(tmp_path):
    first, second = on_processes(2, tmp_path / "block", fail_on_the_second, fails=True)
    assert isinstance(first, RunFailedError)
    assert str(first) == "process 1 failed: ValueError: no luck here"
    assert isinstance(second, ValueError)
    first, second = on_processes(2, tmp_path / "map", fail_in_a_map, fails=True)
    assert str(first) == "process 1 failed: ZeroDivisionError: integer division or modulo by zero"
    assert isinstance(second, ZeroDivisionError)
