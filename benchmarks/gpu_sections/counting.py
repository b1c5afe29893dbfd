"""Counting Hamming distances: the kernels of a GPU give the CPU's integers, and how many pairs a second they count."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch

from gpu_sections.section import Section, Setting
from gpu_sections.timing import median_seconds
from hashbench.evaluation import HammingCounter
from hashbench.evaluation.counts import Counts
from hashbench.evaluation.labels import Labels, parse_labels
from hashbench.evaluation.planes import as_words
from hashbench.evaluation.torch_backend import TorchBackend

LENGTHS = (7, 16, 33, 64, 70, 256)
"""Bits. Triton compiles its kernel for each, with each form of labels, in a second; for 1024 bits in many."""
SPEED = (10_000, 1_000_000, 64)
"""Queries, items, bits of the case that is timed."""
TORCH_QUERIES = 1_000
"""Of these, how many torch's kernel counts: it takes some ten times as long a pair."""


class Case(NamedTuple):
    """Packed random codes with labels, ids of ten classes or multi-hot of `classes`."""

    bits: int
    queries: np.ndarray
    database: np.ndarray
    query_labels: Labels
    labels: Labels

    @classmethod
    def drawn(cls, queries: int, items: int, bits: int, classes: int | None = None) -> Case:
        rng = np.random.default_rng(bits)
        codes = [np.packbits(rng.random((rows, bits)) < 0.5, axis=1, bitorder="little") for rows in (queries, items)]
        given = [
            rng.integers(0, 10, rows) if classes is None else rng.random((rows, classes)) < 2 / classes
            for rows in (queries, items)
        ]
        of_queries = parse_labels(given[0], queries, "query labels")
        return cls(bits, *codes, of_queries, parse_labels(given[1], items, "database labels", of_queries))

    def backend(self, device: str, *, triton: bool) -> TorchBackend:
        """A backend that holds the queries."""
        return TorchBackend(self.queries, self.query_labels, self.bits, device, triton=triton)

    def by_cpu(self) -> Counts:
        """What the numba kernel counts."""
        from hashbench.evaluation.kernel import CpuBackend

        return CpuBackend(self.queries, self.query_labels, self.bits).count(self.database, self.labels)


def counting(setting: Setting, section: Section) -> None:
    """Equality on many small cases, then speed on a large one, each kernel by itself."""
    kernels = {"torch": False, "triton": True}
    if not setting.on_gpu or find_spec("triton") is None:
        del kernels["triton"]
        section.put(triton="not run: it needs CUDA and the triton package")
    for name, triton in kernels.items():
        try:
            _check(setting, section, name, triton)
            _time(setting, section, name, triton)
        except Exception as error:  # a kernel that does not compile is a finding, and the other one is tried too
            section.put(**{name: f"failed: {type(error).__name__}: {str(error)[:400]}"})
            section.values["faults"] = section.values.get("faults", 0) + 1
    _time_cpu(setting, section)
    if section.values.get("faults"):
        raise RuntimeError("a kernel failed, or counts otherwise than the CPU: see its entry")


def _check(setting: Setting, section: Section, name: str, triton: bool) -> None:
    """Equal integers on every length, with ids and with labels of one word and of two."""
    queries, items = (9, 300) if setting.tiny else (130, 70_001)  # more items than one program of triton walks over
    checked, different = 0, []
    for bits in LENGTHS[:3] if setting.tiny else LENGTHS:
        for classes in (None, 21, 70):
            if section.left < 15 and not setting.tiny:  # the speed is to be known too
                section.note(f"{name} was not compared at {bits} bits with {classes or 'ids'}: no time left")
                continue
            case = Case.drawn(queries, items, bits, classes)
            expected, found = (
                case.by_cpu(),
                case.backend(setting.device, triton=triton).count(case.database, case.labels),
            )
            checked += 1
            if not (np.array_equal(expected.n, found.n) and np.array_equal(expected.p, found.p)):
                different.append(f"{bits} bits, {classes or 'ids'}")
    section.put(**{name: f"equal to the CPU's counts in {checked - len(different)} of {checked} cases"})
    if different:
        raise ValueError(f"counts differ from the CPU's at {'; '.join(different)}")


def _time(setting: Setting, section: Section, name: str, triton: bool) -> None:
    queries, items, bits = (20, 1_000, 64) if setting.tiny else SPEED
    if not triton:
        queries = min(queries, TORCH_QUERIES)
    if section.left < 5 and not setting.tiny:
        section.note(f"{name} was not timed: no time left")
        return
    case = Case.drawn(queries, items, bits)
    backend = case.backend(setting.device, triton=triton)
    seconds = median_seconds(
        lambda: backend.count(case.database, case.labels), setting.device, repeats=5 if triton else 3
    )
    _row(section, f"{name}, with the copies to and from the device", queries, items, bits, seconds)
    if triton:
        from hashbench.evaluation.triton_kernel import count_pairs

        arrays = (as_words(case.queries), as_words(case.database), case.query_labels.values, case.labels.values)
        there = [torch.from_numpy(array.view(np.int64)).to(setting.device) for array in arrays]
        with torch.cuda.device(setting.device):
            seconds = median_seconds(lambda: count_pairs(*there, True, bits), setting.device, repeats=10)
        _row(section, "triton, the kernel alone", queries, items, bits, seconds)


def _time_cpu(setting: Setting, section: Section) -> None:
    """The CPU's kernel on the same machine, for comparison."""
    queries, items, bits = (20, 1_000, 64) if setting.tiny else (TORCH_QUERIES, *SPEED[1:])
    if section.left < 5 and not setting.tiny:
        section.note("the CPU's kernel was not timed: no time left")
        return
    case = Case.drawn(queries, items, bits)
    counter = HammingCounter(case.queries, case.query_labels.values, bits=bits)
    seconds = median_seconds(lambda: counter.update(case.database, case.labels.values), "cpu", repeats=3)
    _row(section, "numba on the CPU", queries, items, bits, seconds)


def _row(section: Section, kernel: str, queries: int, items: int, bits: int, seconds: float) -> None:
    section.row(
        "speed",
        kernel=kernel,
        queries=queries,
        items=items,
        bits=bits,
        seconds=seconds,
        pairs_per_second=queries * items / seconds,
    )
