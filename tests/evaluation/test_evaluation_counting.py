"""The counts equal a plain count, whatever the shape, the order, the shards, the device or the number of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
import torch.distributed
import torch.multiprocessing
from evaluation_oracle import cases, histograms
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.evaluation import Counts, EvaluationInputError, HammingCounter, evaluate, evaluate_counts, pack_codes


def count(queries, database, query_labels, labels, device="cpu", bits=None) -> Counts:
    counter = HammingCounter(queries, query_labels, device=device, bits=bits)
    counter.update(database, labels)
    return counter.counts


def assert_counts(counts: Counts, expected) -> None:
    np.testing.assert_array_equal(counts.n, expected[0])
    np.testing.assert_array_equal(counts.p, expected[1])


def random_data(bits: int, queries: int, items: int, classes: int | None = None, seed: int = 0):
    """Codes that lie at all distances; ids of three classes, or multi-hot with `classes` columns."""
    rng = np.random.default_rng(seed)
    codes = rng.random((queries, bits)) < 0.5, rng.random((items, bits)) < rng.random((items, 1))
    if classes is None:
        return *codes, rng.integers(0, 3, queries), rng.integers(0, 3, items)
    return *codes, rng.random((queries, classes)) < 2 / classes, rng.random((items, classes)) < 2 / classes


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("classes", [None, 21, 64, 130])
@pytest.mark.parametrize("bits", [1, 2, 7, 8, 9, 15, 16, 17, 32, 48, 63, 64, 65, 127, 128, 200, 1000, 1024])
def test_counts_equal_a_plain_count(bits, classes, device):
    data = random_data(bits, 5, 700, classes)
    assert_counts(count(*data, device=device), histograms(*data))


@pytest.mark.parametrize("classes", [None, 5])
@pytest.mark.parametrize("items", [1, 255, 256, 257, 31 * 256, 31 * 256 + 1])
@pytest.mark.parametrize("queries", [1, 32, 33, 65])
def test_edges_of_blocks_and_batches(queries, items, classes):
    data = random_data(12, queries, items, classes)
    assert_counts(count(*data), histograms(*data))


@pytest.mark.parametrize("bits", [8, 64, 1024])
def test_all_items_at_one_distance_overflow_nothing(bits):
    for distance in (0, bits - 1, bits):
        database = np.zeros((20_000, bits), dtype=bool)
        database[:, :distance] = True
        counts = count(np.zeros((1, bits)), database, [1], np.arange(20_000) % 2)
        assert counts.n[0, distance] == 20_000
        assert counts.p[0, distance] == 10_000


@settings(max_examples=150)
@given(cases(max_items=40, max_bits=70, queries=3))
def test_counts_of_random_cases(case):
    assert_counts(count(*case), histograms(*case))


def test_large_ids_are_not_confused():
    ids = np.array([0, 2**53, 2**53 + 1, 2**62])
    counts = count(np.ones((4, 3)), np.ones((4, 3)), ids, ids)
    np.testing.assert_array_equal(counts.p[:, 0], [1, 1, 1, 1])


def test_class_absent_from_the_database_has_no_relevant_item():
    counts = count(np.ones((1, 3)), np.ones((4, 3)), [7], [1, 2, 8, 9])
    assert counts.p.sum() == 0
    assert counts.n[0, 0] == 4


@settings(max_examples=40)
@given(cases(max_items=40, max_bits=20, queries=3), st.randoms(use_true_random=False))
def test_shards_in_any_order_give_the_same_counts(case, random):
    queries, database, query_labels, labels = case
    whole = count(*case)
    order = list(range(len(database)))
    random.shuffle(order)
    cut = random.randrange(len(order) + 1)
    first, second = HammingCounter(queries, query_labels), HammingCounter(queries, query_labels)
    first.update(database[order[cut:]], labels[order[cut:]])
    second.update(database[order[:cut]], labels[order[:cut]])
    first.merge(second)
    assert_counts(first.counts, (whole.n, whole.p))


@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_database_in_chunks(device):
    data = random_data(20, 4, 1000)
    counter = HammingCounter(data[0], data[2], device=device)
    counter._backend.chunk = 300
    counter.update(data[1], data[3])
    assert_counts(counter.counts, histograms(*data))


def test_torch_kernel_in_tiles(monkeypatch):
    monkeypatch.setattr("hashbench.evaluation.torch_backend._TILE", 256)
    data = random_data(20, 5, 700, 9)
    assert_counts(count(*data, device="torch"), histograms(*data))


def test_one_thread_counts_the_same():
    data = random_data(33, 130, 900)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert_counts(count(*data), histograms(*data))
    finally:
        numba.set_num_threads(threads)


def test_packed_codes_and_tensors_count_like_bits():
    data = random_data(19, 4, 50)
    expected = histograms(*data)
    tensors = [torch.from_numpy(array) for array in data]
    signs = [torch.where(code, 1.0, -1.0).to(torch.bfloat16) for code in tensors[:2]]
    assert_counts(count(*tensors), expected)
    assert_counts(count(*signs, *tensors[2:]), expected)
    assert_counts(count(pack_codes(data[0]), pack_codes(data[1]), *data[2:], bits=19), expected)


def test_memory_mapped_database(tmp_path):
    data = random_data(40, 3, 5000, 6)
    np.save(tmp_path / "codes.npy", pack_codes(data[1]))
    np.save(tmp_path / "labels.npy", data[3])
    codes, labels = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("codes", "labels"))
    assert_counts(count(pack_codes(data[0]), codes, data[2], labels, bits=40), histograms(*data))


def test_memory_does_not_grow_with_the_database(tmp_path):
    def peak(items: int) -> int:
        path = tmp_path / f"{items}.dat"
        codes = np.memmap(path, dtype=np.uint8, mode="w+", shape=(items, 8))
        labels = np.memmap(tmp_path / f"{items}.labels", dtype=np.uint8, mode="w+", shape=(items,))
        counter = HammingCounter(np.zeros((4, 8), dtype=np.uint8), np.zeros(4, dtype=int), bits=64)
        tracemalloc.start()
        counter.update(codes, labels)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert counter.counts.database_size == items
        return most

    peak(1000)
    assert peak(3_000_000) < 1.1 * peak(1_000_000)


def test_merge_refuses_other_queries():
    first, second = HammingCounter(np.eye(3), [0, 1, 2]), HammingCounter(np.eye(3)[::-1], [0, 1, 2])
    with pytest.raises(EvaluationInputError, match="different queries"):
        first.merge(second)


def test_counts_from_shards_evaluate_like_the_whole():
    data = random_data(16, 6, 300)
    assert evaluate_counts(count(*data), topk=10).metrics == evaluate(*data, topk=10).metrics


def _count_shard(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    queries, database, query_labels, labels = random_data(24, 5, 400)
    counter = HammingCounter(queries, query_labels)
    counter.update(database[rank::2], labels[rank::2])
    counter.all_reduce()
    np.savez(f"{folder}/{rank}.npz", n=counter.counts.n, p=counter.counts.p)
    torch.distributed.destroy_process_group()


def test_two_processes_reduce_to_the_whole(tmp_path):
    torch.multiprocessing.spawn(_count_shard, args=(str(tmp_path),), nprocs=2)
    expected = histograms(*random_data(24, 5, 400))
    for rank in range(2):
        with np.load(tmp_path / f"{rank}.npz") as file:
            assert_counts(Counts(file["n"], file["p"]), expected)


TRITON = """
import numpy as np, torch
from hashbench.evaluation import HammingCounter
from hashbench.evaluation.triton_kernel import count_pairs
from test_evaluation_counting import random_data
for bits, classes in ((7, None), (70, 70)):
    data = random_data(bits, 2, 1100, classes)
    counter = HammingCounter(data[0], data[2], device="torch")
    backend = counter._backend
    other = HammingCounter(data[1], data[3], device="torch")._backend
    both = count_pairs(backend._queries, other._queries, backend._labels, other._labels, classes is None, bits).numpy()
    counter.update(data[1], data[3])
    assert (both.sum(axis=1) == counter.counts.n).all()
    assert (both[:, 1] == counter.counts.p).all()
"""


@pytest.mark.slow
def test_triton_kernel_in_its_interpreter():
    pytest.importorskip("triton")
    here = Path(__file__).parent
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": f"{here}:{here.parent.parent}"}
    subprocess.run([sys.executable, "-c", TRITON], check=True, env=environment, timeout=600)


@pytest.mark.slow
@pytest.mark.parametrize(("single", "label_words", "bits"), [(True, 2, 16), (True, 2, 64), (False, 4, 70)])
def test_triton_kernel_compiles_for_a_gpu(single, label_words, bits):
    """To machine code, for which no GPU is needed."""
    triton = pytest.importorskip("triton", minversion="3.3")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from hashbench.evaluation import triton_kernel as kernel

    length = bits + 1
    constants = {
        "WORDS": 2 * -(-bits // 64),
        "LABEL_WORDS": label_words,
        "SINGLE": single,
        "LENGTH": length,
        "BINS": triton.next_power_of_2(2 * length + 1),
        "BLOCK": kernel._BLOCK,
        "SPAN": kernel._SPAN,
    }
    pointers = dict.fromkeys(("queries", "database", "query_labels", "labels", "histograms"), "*i32")
    signature = {**pointers, "items": "i32", **dict.fromkeys(constants, "constexpr")}
    source = ASTSource(fn=kernel._count, signature=signature, constexprs=constants)
    assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("classes", [None, 21])
@pytest.mark.parametrize("bits", [7, 64, 1024])
def test_counts_on_a_gpu(bits, classes):
    data = random_data(bits, 70, 3000, classes)
    assert_counts(count(*data, device="cuda"), histograms(*data))


def test_package_stands_alone():
    """Counting numpy arrays imports neither torch nor any other part of hashbench."""
    program = (
        "import sys, numpy as np; from hashbench.evaluation import evaluate; "
        "evaluate(np.eye(3), np.eye(3), [0, 1, 2], [0, 1, 2], topk=2, ties='index', curves=True); "
        "names = [n for n in sys.modules if n == 'torch' or n.startswith('hashbench.') "
        "and not n.startswith(('hashbench.evaluation', 'hashbench.working_folder'))]; sys.exit(str(names) if names else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent.parent)
