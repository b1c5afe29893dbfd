"""What a training step costs in the harness, as a ratio to a bare PyTorch loop over the same model, data and device.

    python benchmarks/train_overhead.py [--protocol digits] [--epochs 12] [--device cpu] [--threads 1]

Both sides train the same network with the same optimizer on batches of the same size. They take turns epoch by epoch,
and the ratio is taken within each pair of epochs, so that drift of the machine's speed cancels. The harness's side is
its whole training epoch: loader, hooks, the method's records and diagnostics, logging and the checkpoints, which the
bare loop has none of. On a CPU, seconds are CPU seconds of this process, which other processes disturb little.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.experiment import Experiment, prepare
from hashbench.engine.optim import build_optimizer, build_schedule
from hashbench.engine.reporter import Reporter
from hashbench.engine.runner import HashRunner
from hashbench.models import CodeBatch
from hashbench.results.folder import RunFolder


def clock(device: str) -> float:
    """Seconds: of CPU, or on the wall where a GPU does the work."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def bare_epoch(experiment: Experiment, order: torch.Tensor, optimizer: torch.optim.Optimizer, schedules: list) -> float:
    """One epoch as one writes it by hand: permute, slice, normalise, forward, loss, backward, step. Seconds."""
    spec, model = experiment.spec, experiment.learner.model
    loader = experiment.feed.ordered(experiment.roles.train)  # of a frozen backbone's features, where it is frozen
    store, rows, transform = loader._store, loader._rows, loader.transform
    model.train()
    started = clock(experiment.device)
    total = torch.zeros((), device=experiment.device)
    for positions in order.split(spec.settings.batch_size):
        chosen = rows[positions]
        logits, codes = model(transform(store.inputs[chosen]))
        batch = CodeBatch(codes, logits, store.labels[chosen], positions, model.num_classes)
        optimizer.zero_grad(set_to_none=True)
        loss = sum(model.network.method.loss(batch).values())
        loss.backward()
        optimizer.step()
        for schedule in schedules:
            schedule.step()
        total += loss.detach()
    total.item()
    return clock(experiment.device) - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", default="digits")
    parser.add_argument("--method", default="dualhash_likelihood")
    parser.add_argument("--epochs", type=int, default=12, help="pairs of epochs; the first two are not counted")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    catalog = load_catalog()
    with tempfile.TemporaryDirectory() as out:
        spec = resolve(
            catalog,
            method=options.method,
            protocol=options.protocol,
            bits=options.bits,
            changes={"epochs": options.epochs, "validate_every": options.epochs, "augment": "none"},
            out=Path(out),
            device=options.device,
            data_root=options.data_root,
            weights=options.weights,
        )
        ours, theirs = (prepare(spec, catalog, Reporter()) for _ in range(2))
        optimizer = build_optimizer(spec.optimizer, theirs.learner.model.network)
        steps = -(-len(theirs.roles.train) // spec.settings.batch_size)
        schedules = build_schedule(spec.schedule, optimizer, options.epochs, steps)
        pairs: list[tuple[float, float]] = []

        class Paired(Reporter):
            """After each epoch of the harness, one of the bare loop."""

            started = 0.0

            def epoch(self, record: dict, epochs: int, primary: str) -> None:
                seconds = clock(ours.device) - self.started
                order = torch.randperm(len(theirs.roles.train), device=theirs.device)
                pairs.append((seconds, bare_epoch(theirs, order, optimizer, schedules)))
                self.started = clock(ours.device)

        reporter = Paired()
        runner = HashRunner(ours, RunFolder(out), reporter)
        reporter.started = clock(ours.device)
        runner.train()
    counted = pairs[2:-1]  # warm-up, and the last epoch, which is followed by the validation
    ratios = [a / b for a, b in counted]
    where = f"{ours.device}, {torch.get_num_threads()} threads"
    print(f"{options.method} on {options.protocol}, {where}, {steps} steps per epoch")
    unit = "ms" if torch.device(ours.device).type == "cuda" else "ms of CPU"
    print(f"harness {1e3 * statistics.median(a for a, _ in counted) / steps:.2f} {unit} a step, ", end="")
    print(f"bare loop {1e3 * statistics.median(b for _, b in counted) / steps:.2f} {unit} a step")
    total = sum(a for a, _ in counted) / sum(b for _, b in counted)
    print(f"ratio: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs")
    print(f"ratio of the sums, with all checkpoints: {total:.3f}")


if __name__ == "__main__":
    main()
