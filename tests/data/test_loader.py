"""Batches: every sample once, an order that is a function of its name, and the same batches over several processes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.data import BatchLoader, DataTable, DeviceTransform
from hashbench.data.seeding import generator
from hashbench.errors import UserError

PIXELS = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator(0, "pixels"))
TABLE = DataTable("mine", PIXELS, torch.arange(60) % 7, 7)
PLAIN = DeviceTransform("image", None, "none", [0.5], [0.5])
CROPS = DeviceTransform("image", None, "crop_flip", [0.5], [0.5])
ROWS = np.random.RandomState(0).permutation(60)[:50]


def loader(indices=ROWS, *, batch_size=8, transform=PLAIN, **options):
    return BatchLoader(TABLE, indices, batch_size=batch_size, transform=transform, **options)


def epoch(of, number=0):
    of.set_epoch(number)
    return list(of)


def positions(batches):
    return torch.cat([batch["index"] for batch in batches])


@settings(deadline=None)
@given(
    count=st.integers(2, 60),
    batch_size=st.integers(2, 70),
    shuffle=st.booleans(),
    seed=st.integers(0, 9),
    e=st.integers(0, 9),
)
def test_every_sample_once_an_epoch(count, batch_size, shuffle, seed, e):
    mine = loader(ROWS[:count] if count <= 50 else np.arange(count), batch_size=batch_size, shuffle=shuffle, seed=seed)
    batches = epoch(mine, e)
    assert len(batches) == len(mine)
    assert sorted(positions(batches).tolist()) == list(range(count))
    sizes = [len(batch["index"]) for batch in batches]
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size + 1
    assert all(size == batch_size for size in sizes[:-2])
    if not shuffle:
        assert positions(batches).tolist() == list(range(count))


def test_batches_hold_what_the_rows_hold():
    for batch in epoch(loader(shuffle=True)):
        rows = ROWS[batch["index"]]
        torch.testing.assert_close(batch["inputs"], PIXELS[rows].float() / 127.5 - 1)
        assert torch.equal(batch["labels"], TABLE.labels[rows])
        assert (batch["inputs"].dtype, batch["labels"].dtype, batch["index"].dtype) == (
            torch.float32,
            torch.int64,
            torch.int64,
        )


def test_multi_hot_features():
    hot = torch.nn.functional.one_hot(torch.arange(60) % 7, 7).to(torch.uint8)
    table = DataTable("hot", torch.randn(60, 5), hot, 7)
    mine = BatchLoader(table, ROWS, batch_size=8, transform=DeviceTransform("feature"), shuffle=True)
    for batch in mine:
        assert torch.equal(batch["labels"], hot[ROWS[batch["index"]]])
        assert torch.equal(batch["inputs"], table.inputs[ROWS[batch["index"]]])
    assert torch.equal(mine.labels, hot[ROWS])


def test_a_single_last_sample_joins_the_batch_before():
    assert [len(batch["index"]) for batch in loader(ROWS[:17], shuffle=True)] == [8, 9]
    assert [len(batch["index"]) for batch in loader(ROWS[:18], shuffle=True)] == [8, 8, 2]
    assert [len(batch["index"]) for batch in loader(ROWS[:1])] == [1]
    assert [len(batch["index"]) for batch in loader(ROWS[:3], batch_size=1)] == [1, 1, 1]


def test_order_is_a_function_of_seed_purpose_and_epoch():
    mine = loader(shuffle=True, seed=3)
    third = positions(epoch(mine, 3))
    assert torch.equal(third, positions(epoch(loader(shuffle=True, seed=3), 3)))
    assert torch.equal(third, torch.randperm(50, generator=generator(3, "data", 3)))
    others = [
        epoch(mine, 4),
        epoch(loader(shuffle=True, seed=4), 3),
        epoch(loader(shuffle=True, seed=3, purpose="pairs"), 3),
    ]
    assert all(not torch.equal(third, positions(other)) for other in others)


def test_augmentation_is_a_function_of_seed_epoch_and_batch():
    mine = loader(transform=CROPS, seed=1)
    first, again, later = epoch(mine, 0), epoch(loader(transform=CROPS, seed=1, purpose="other"), 0), epoch(mine, 1)
    for number, batch in enumerate(first):
        expected = CROPS(PIXELS[ROWS[batch["index"]]], generator(1, "augment", 0, number))
        assert torch.equal(batch["inputs"], expected)
        assert torch.equal(batch["inputs"], again[number]["inputs"])
    assert any(not torch.equal(a["inputs"], b["inputs"]) for a, b in zip(first, later, strict=True))


def test_other_random_numbers_change_nothing():
    first = epoch(loader(shuffle=True, transform=CROPS), 2)
    torch.manual_seed(123)
    np.random.seed(123)
    for one, other in zip(first, epoch(loader(shuffle=True, transform=CROPS), 2), strict=True):
        torch.rand(7)
        assert torch.equal(one["inputs"], other["inputs"])


@settings(deadline=None)
@given(world_size=st.integers(1, 4), batch_size=st.integers(8, 30), count=st.integers(10, 50), shuffle=st.booleans())
def test_processes_divide_the_batches_of_one(world_size, batch_size, count, shuffle):
    options = {"batch_size": batch_size, "shuffle": shuffle, "transform": CROPS}
    ranks = [epoch(loader(ROWS[:count], rank=r, world_size=world_size, **options)) for r in range(world_size)]
    assert len({len(batches) for batches in ranks}) == 1
    together = [
        {key: torch.cat([part[key] for part in parts]) for key in ("inputs", "labels", "index")}
        for parts in zip(*ranks, strict=True)
    ]
    for parts in zip(*ranks, strict=True):
        sizes = [len(part["index"]) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2
    alone = epoch(loader(ROWS[:count], **options))
    assert torch.equal(positions(together), positions(alone))
    for one, other in list(zip(together, alone, strict=False))[: len(together) - 1]:
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_some_batches_are_those_of_the_whole_epoch():
    mine = loader(ROWS[:41], transform=CROPS, shuffle=True)
    whole = epoch(mine, 2)
    assert mine.bounds == [(0, 8), (8, 16), (16, 24), (24, 32), (32, 41)]
    for numbers in (range(1, 4), [4, 0], range(0)):
        some = list(mine.batches(numbers))
        assert len(some) == len(numbers)
        for batch, number in zip(some, numbers, strict=True):
            assert all(torch.equal(batch[key], whole[number][key]) for key in batch)


def test_loaders_share_the_data_on_a_device():
    a, b = (BatchLoader(TABLE, rows, batch_size=4, transform=PLAIN, device="meta") for rows in (ROWS, ROWS[:5]))
    assert a._store is b._store


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_batches():
    for one, other in zip(
        *(epoch(loader(transform=CROPS, shuffle=True, device=d)) for d in ("cpu", "cuda")), strict=True
    ):
        assert {tensor.device.type for tensor in other.values()} == {"cuda"}
        for key in one:
            torch.testing.assert_close(one[key], other[key].cpu(), rtol=1e-5, atol=1e-5)


def test_caller_s_indices_are_copied():
    rows = np.arange(10)
    mine = loader(rows)
    rows[:] = 0
    assert torch.equal(mine.labels, TABLE.labels[:10])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"indices": []}, "at least one row number"),
        ({"indices": [[1, 2]]}, "at least one row number"),
        ({"indices": [0, 60]}, "rows 0..60 are asked for, the table has 0..59"),
        ({"indices": [-1, 3]}, "rows -1..3 are asked for"),
        ({"batch_size": 1, "shuffle": True}, "at least 2 needed .two samples per process"),
        ({"indices": [4], "shuffle": True}, "from 1 rows over 1 process.*at least 2 needed"),
        ({"batch_size": 7, "shuffle": True, "world_size": 4}, "at least 8 needed"),
        ({"indices": [1, 2], "world_size": 3}, "at least 3 needed .one sample per process"),
        ({"batch_size": 0}, "a batch of 0"),
    ],
)
def test_bad_requests(options, message):
    with pytest.raises(UserError, match=message):
        loader(**options)


def test_mmengine_takes_it_as_a_data_loader():
    """The loop's constructor reads `dataset` and `len`; mmengine's evaluators count samples by `len(dataset)`."""
    from types import SimpleNamespace

    from mmengine.runner import EpochBasedTrainLoop

    runner = SimpleNamespace(visualizer=SimpleNamespace())
    mine = loader()
    loop = EpochBasedTrainLoop(runner, mine, max_epochs=3)
    assert loop.max_iters == 3 * len(mine)
    assert runner.visualizer.dataset_meta == {"name": "mine", "num_classes": 7}
    assert len(mine.dataset) == 50
