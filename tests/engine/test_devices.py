"""Beside a device that is not the CPU: where tensors are made, what is current, what is moved; without a GPU."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pretended_device import DEVICE, PretendedDevice, move
from torch import nn

from hashbench.api import request
from hashbench.catalog import load_catalog
from hashbench.engine import experiment as experiment_module
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.encoding import encode
from hashbench.engine.experiment import Experiment, be_deterministic, prepare
from hashbench.engine.model import _random_state, _replayed
from hashbench.engine.reporter import Reporter
from hashbench.evaluation import HammingCounter
from hashbench.evaluation.torch_backend import TorchBackend

QUICK = {"csq", "dtsh", "mdshc", "dualhash_stom", "dualhash_likelihood"}
DEEP = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name, entry in load_catalog().methods.items()
    if entry.kind == "deep"
]


def prepared(method: str) -> Experiment:
    catalog, spec = request(method, protocol="digits", bits=16, device="cpu", augment="crop_flip", batch_size=500)
    return prepare(spec, catalog, Reporter(), features=False)


def trained(one: Experiment, device: str) -> dict:
    """The record of an epoch on a device."""
    one.learner.begin(replace(one.feed, device=device), one.roles.train)
    one.learner.training.begin()
    return one.learner.training.epoch(0)


def encoded(one: Experiment, device: str) -> np.ndarray:
    """Codes of the validation rows."""
    return encode(one.learner.model, replace(one.feed, device=device).ordered(one.roles.validation), 16).codes


@pytest.mark.parametrize("method", DEEP)
def test_a_method_makes_its_tensors_where_the_batch_is(method):
    """What mixes devices fails on a GPU alone, where no test of most people's ever runs."""
    one = prepared(method)
    try:
        move(one.learner.model)
        with PretendedDevice():
            record = trained(one, "meta")
    finally:
        one.roles.table._stores.pop(DEVICE, None)
    assert np.isfinite(record["loss"])


def test_the_device_changes_no_result():
    here, there = prepared("csq"), prepared("csq")
    record, codes = trained(here, "cpu"), encoded(here, "cpu")
    try:
        move(there.learner.model)
        with PretendedDevice():
            other, other_codes = trained(there, "meta"), encoded(there, "meta")
    finally:
        there.roles.table._stores.pop(DEVICE, None)
    assert {**record, "seconds": 0} == {**other, "seconds": 0}
    np.testing.assert_array_equal(codes, other_codes)


def test_what_mixes_devices_is_found():
    with PretendedDevice():
        there = torch.ones(3, device="meta")
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        assert (there + torch.tensor(2.0)).cpu().tolist() == [3, 3, 3]


def test_counting_on_a_device():
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 2, (40, 24)), rng.integers(0, 3, 40)
    counters = HammingCounter(codes[:9], labels[:9]), HammingCounter(codes[:9], labels[:9], device="torch")
    with PretendedDevice():
        counters += (HammingCounter(codes[:9], labels[:9], device="meta"),)
        for counter in counters:
            counter.update(codes, labels)
    for counter in counters[1:]:
        np.testing.assert_array_equal(counter.counts.n, counters[0].counts.n)
        np.testing.assert_array_equal(counter.counts.p, counters[0].counts.p)


class FakeCuda:
    """In the place of `torch.cuda`: what is called, in order."""

    def __init__(self, monkeypatch) -> None:
        self.calls: list[tuple] = []
        for name in ("init", "set_device", "reset_peak_memory_stats", "set_rng_state"):
            monkeypatch.setattr(torch.cuda, name, self._note(name))

    def _note(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def test_the_gpu_of_a_run_is_the_current_one(monkeypatch):
    """Triton starts its kernels there, and pinned memory belongs to it."""
    cuda = FakeCuda(monkeypatch)
    experiment_module._begin_on("cuda:1")
    assert cuda.calls == [("init",), ("set_device", "cuda:1"), ("reset_peak_memory_stats", "cuda:1")]
    cuda.calls.clear()
    experiment_module._begin_on("cuda")
    assert cuda.calls == [("init",), ("reset_peak_memory_stats", "cuda")]
    cuda.calls.clear()
    experiment_module._begin_on("cpu")
    assert cuda.calls == []


def test_a_replayed_batch_has_the_random_numbers_of_its_own_gpu(monkeypatch):
    cuda = FakeCuda(monkeypatch)
    forked = []
    state, gpu = torch.arange(3, dtype=torch.uint8), torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: state if device == gpu else None)

    def fork(devices) -> object:
        forked.extend(devices)
        return warnings.catch_warnings()  # any context

    monkeypatch.setattr(torch.random, "fork_rng", fork)
    states = _random_state(SimpleNamespace(is_cuda=True, device=gpu))
    with _replayed(nn.Linear(1, 1), states):
        pass
    assert forked == [1]
    assert cuda.calls == [("set_rng_state", state, gpu)]


def test_a_checkpoint_is_read_to_the_cpu(tmp_path, monkeypatch):
    """Adam's counts of steps belong there: on a GPU each would be waited for in every step."""
    store, asked = CheckpointStore(tmp_path), []
    store.save(1, {"optimizer": {"step": torch.tensor(3.0)}, "training": {"best_epoch": 1}})
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda *a, **options: asked.append(options["map_location"]) or load(*a, **options)
    )
    assert store.latest()["optimizer"]["step"] == 3
    assert asked == ["cpu"]


def test_fp32_is_fp32_and_memory_is_not_filled_in_vain():
    torch.backends.cudnn.allow_tf32 = torch.utils.deterministic.fill_uninitialized_memory = True
    be_deterministic(compiled=False)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert not torch.utils.deterministic.fill_uninitialized_memory


@pytest.fixture
def on_cuda(monkeypatch):
    """A backend of torch on the CPU that takes itself for one on the GPU `cuda:1`; which GPU is current, by count."""
    current = []

    class Current:
        def __init__(self, device) -> None:
            self.device = device

        def __enter__(self) -> None:
            current.append(self.device)

        def __exit__(self, *error) -> None:
            current.append(None)

    monkeypatch.setattr(torch.cuda, "device", Current)
    monkeypatch.setattr(TorchBackend, "_words", lambda self, values: torch.from_numpy(np.array(values).view(np.int64)))
    return current


def test_triton_counts_on_the_gpu_where_the_codes_are(on_cuda, monkeypatch):
    kernel = pytest.importorskip("hashbench.evaluation.triton_kernel")
    seen = []

    def count_pairs(queries, database, query_labels, labels, single, bits) -> torch.Tensor:
        seen.append((on_cuda[-1], len(queries), len(database), single, bits))
        return torch.ones(len(queries), 2, bits + 1, dtype=torch.int64)

    monkeypatch.setattr(kernel, "count_pairs", count_pairs)
    backend, case = gpu_backend()
    counts = backend.count(*case)
    assert seen == [(torch.device("cuda:1"), 5, 20, True, 8)]
    assert on_cuda[-1] is None
    assert (counts.n == 2).all()


def test_where_triton_cannot_compile_torch_counts(on_cuda, monkeypatch):
    kernel = pytest.importorskip("hashbench.evaluation.triton_kernel")

    def count_pairs(*arguments) -> torch.Tensor:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.\nmore")

    monkeypatch.setattr(kernel, "count_pairs", count_pairs)
    monkeypatch.setattr(
        TorchBackend, "_device", property(lambda self: torch.device("cpu"), lambda *_: None), raising=False
    )
    backend, case = gpu_backend()
    backend._triton = True
    with pytest.warns(UserWarning, match=r"triton cannot count on .*Failed to find C compiler.*counting in torch"):
        counts = backend.count(*case)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        again = backend.count(*case)
    counter = HammingCounter(QUERIES, np.zeros(5, dtype=int), bits=8)
    counter.update(DATABASE, np.zeros(20, dtype=int))
    for found in (counts, again):
        np.testing.assert_array_equal(found.n, counter.counts.n)
    backend, case = gpu_backend(triton=True)
    with pytest.raises(RuntimeError, match="C compiler"):
        backend.count(*case)


RNG = np.random.default_rng(1)
QUERIES, DATABASE = RNG.integers(0, 256, (5, 1), dtype=np.uint8), RNG.integers(0, 256, (20, 1), dtype=np.uint8)


def gpu_backend(**options) -> tuple[TorchBackend, tuple]:
    from hashbench.evaluation.labels import Labels

    labels = [Labels(np.zeros(rows, dtype=np.int64), None) for rows in (5, 20)]
    return TorchBackend(QUERIES, labels[0], 8, "cuda:1", **options), (DATABASE, labels[1])
