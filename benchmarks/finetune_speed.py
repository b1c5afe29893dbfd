"""Images per second of fine-tuning in the harness, beside a bare PyTorch loop over the same network, data and device.

    python benchmarks/finetune_speed.py --data-root DATA [--protocol cifar10-dualhash-finetuned] [--method csq]
        [--steps 10] [--pairs 5] [--device cpu] [--threads 1] [--weights FILE]

Both train the same network with the same optimizer, batches and augmentation; the bare loop has torch's own layers, in
channels-last layout, and nothing beside forward, loss, backward and step. They take turns, some steps at a time, and
the ratio is taken within each pair, so that drift of the machine's speed cancels; the first pair is not counted. On a
CPU, seconds are CPU seconds of this process, which other processes disturb little. That freed memory is kept there, as
the harness does, holds for the whole process and so for both.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from train_overhead import clock

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.data.seeding import generator
from hashbench.engine.experiment import Experiment, prepare
from hashbench.engine.optim import build_optimizer
from hashbench.engine.reporter import Reporter
from hashbench.models import CodeBatch


def bare_steps(experiment: Experiment, steps: int, optimizer: torch.optim.Optimizer, turn: int) -> float:
    """Seconds of some steps as one writes them by hand."""
    spec, model, feed = experiment.spec, experiment.learner.model, experiment.feed
    rows = torch.from_numpy(experiment.roles.train[: steps * spec.settings.batch_size])
    model.train()
    started = clock(experiment.device)
    for positions in torch.randperm(len(rows)).split(spec.settings.batch_size):
        chosen = rows[positions]
        images, labels = (part[chosen].to(experiment.device) for part in (feed.table.inputs, feed.table.labels))
        logits, codes = model(feed.transform(images, generator(turn, "augment")))
        optimizer.zero_grad(set_to_none=True)
        batch = CodeBatch(codes, logits, labels, positions.to(experiment.device), model.num_classes)
        sum(model.network.method.loss(batch).values()).backward()
        optimizer.step()
    return clock(experiment.device) - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", default="cifar10-dualhash-finetuned")
    parser.add_argument("--method", default="csq")
    parser.add_argument("--bits", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10, help="in a turn")
    parser.add_argument("--pairs", type=int, default=5, help="of turns; the first is not counted")
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
            out=Path(out),
            device=options.device,
            data_root=options.data_root,
            weights=options.weights,
        )
        ours = prepare(spec, catalog, Reporter())
        theirs = prepare(replace(spec, channels_last=False), catalog, Reporter())
    theirs.learner.model.to(memory_format=torch.channels_last)
    theirs.feed.transform.channels_last = True
    optimizer = build_optimizer(spec.optimizer, theirs.learner.model.network, catalog)
    images = options.steps * spec.settings.batch_size
    ours.learner.begin(ours.feed, ours.roles.train[:images])
    training = ours.learner.training
    training.begin()
    pairs = []
    for turn in range(options.pairs):
        started = clock(ours.device)
        training.epoch(turn)
        seconds = clock(ours.device) - started
        pairs.append((images / seconds, images / bare_steps(theirs, options.steps, optimizer, turn)))
    counted = pairs[1:]
    harness, bare = (statistics.median(side) for side in zip(*counted, strict=True))
    ratios = [a / b for a, b in counted]
    print(f"{options.method} on {options.protocol}, {ours.device}, {torch.get_num_threads()} threads")
    print(f"images a second: harness {harness:.1f}, bare loop {bare:.1f}")
    print(f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs")


if __name__ == "__main__":
    main()
