"""What a step of DualHash costs beside one of the likelihood alone, updates of u and y included; and its memory.

    python benchmarks/dualhash_cost.py [--rounds 20] [--bits 16 64] [--threads 1]

Networks, optimizers and hyper-parameters are those of the catalogue, on two problems: `digits`, and features of the
size of `cifar10-dualhash-frozen` (10,000 random rows of 1,280, a head of 512 units, batches of 256). The methods take
turns epoch by epoch, in both orders; ratios are taken inside each round, so that drift of the machine's speed cancels,
and given as their median with the lowest and the highest. Seconds are CPU seconds of this process (what other processes
do counts little) and wall-clock seconds. The aims: StoM at most 1.03 times the likelihood alone, StoRM at most 2.05.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.epoch import Training
from hashbench.engine.experiment import prepare
from hashbench.engine.optim import build_optimizer
from hashbench.engine.reporter import Reporter

METHODS = ("dualhash_likelihood", "dualhash_stom", "dualhash_storm")
AIMS = {"dualhash_stom": 1.03, "dualhash_storm": 2.05}
PROBLEMS: dict[str, dict] = {
    "digits": {"protocol": "digits"},
    "frozen features": {"protocol": "features", "changes": {"hidden": [512], "batch_size": 256}},
}


class Timed:
    """One method in training: what the harness does in an epoch, without logging, validation and checkpoints."""

    def __init__(self, catalog: Catalog, method: str, bits: int, data: Path, problem: dict) -> None:
        spec = resolve(catalog, method=method, bits=bits, data_root=data, out=Path(), device="cpu", **problem)
        experiment = prepare(spec, catalog, Reporter())
        optimizer = build_optimizer(spec.optimizer, experiment.learner.model.network)
        rows = experiment.roles.train
        self.training = Training(experiment.learner.model, optimizer, experiment.feed, rows, epochs=1000, seed=0)
        self.method, self.loader = self.training.method, self.training.loader
        self.training.begin()

    def epoch(self) -> tuple[float, float]:
        """CPU and wall-clock seconds of an epoch."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.training.epoch(self.training.view.epoch)
        return time.process_time() - cpu, time.perf_counter() - wall

    def state_bytes(self) -> int:
        """What the per-sample state holds."""
        state = getattr(self.method, "state", None)
        return sum(b.numel() * b.element_size() for b in state.buffers() if b.ndim) if state is not None else 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="rounds that count; two come before")
    parser.add_argument("--bits", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    catalog = load_catalog()
    print(
        f"{options.threads} thread(s), torch {torch.__version__}; median (lowest .. highest) of {options.rounds} rounds"
    )
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "features.npz")
        rng = np.random.default_rng(0)
        rows, labels = rng.random((14_286, 1280), dtype=np.float32), np.arange(14_286) % 10  # 70 % are for training
        np.savez(data, features=rows, labels=labels)
        for name, problem in PROBLEMS.items():
            for bits in options.bits:
                measure(catalog, name, problem, bits, data, options.rounds)


def measure(catalog: Catalog, name: str, problem: dict, bits: int, data: Path, rounds: int) -> None:
    """One problem at one code length."""
    root = data if problem["protocol"] == "features" else None
    trainings = {method: Timed(catalog, method, bits, root, problem) for method in METHODS}
    seconds: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for number in range(2 + rounds):
        for method in METHODS if number % 2 else METHODS[::-1]:
            seconds[method].append(trainings[method].epoch())
    base = seconds[METHODS[0]][2:]
    steps = len(trainings[METHODS[0]].loader)
    milliseconds = 1e3 * statistics.median(cpu for cpu, _ in base) / steps
    print(f"{name}, {bits} bits, {steps} steps per epoch: the likelihood alone {milliseconds:.2f} ms of CPU a step")
    for method, aim in AIMS.items():
        cells = []
        for clock, word in enumerate(("CPU", "wall")):
            ratios = [mine[clock] / theirs[clock] for mine, theirs in zip(seconds[method][2:], base, strict=True)]
            cells.append(f"{word} {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f})")
        samples = trainings[method].method.num_train
        memory = trainings[method].state_bytes() / (samples * bits)
        print(f"  {method:<15} {', '.join(cells)}, aim {aim}; state: {memory:g} bytes per sample and bit")


if __name__ == "__main__":
    main()
