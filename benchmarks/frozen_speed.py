"""What a whole run on frozen features costs, beside a bare PyTorch loop of the same epochs, and how many fit an hour.

    python benchmarks/frozen_speed.py --data-root DATA --weights FILE [--methods csq,dualhash_likelihood]
        [--precisions fp32,bf16] [--bits 16] [--epochs 30] [--threads 1] [--json FILE]

The bare loop (of train_overhead.py) trains the same network with the same optimizer, batches and precision, and does
nothing else. The run also prepares, validates, keeps its weights, tests and writes its result. Both are measured in one
process, one after the other, `--pairs` times; the ratio is taken within each pair, so that drift of the machine's speed
cancels. A first run of two epochs is not counted: it imports, computes features that are not cached, and compiles. So
the numbers are those of a study or a sweep, whose runs follow one another in a process. On a CPU, seconds are CPU
seconds of this process, which other processes disturb little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from train_overhead import bare_epoch, clock

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import RunSpec, resolve
from hashbench.engine.experiment import prepare
from hashbench.engine.optim import build_optimizer, build_schedule
from hashbench.engine.reporter import Reporter
from hashbench.engine.run import run
from hashbench.engine.standardizing import learn


def bare(spec: RunSpec, catalog: Catalog) -> float:
    """Seconds of all epochs of a run as one writes them by hand."""
    experiment = prepare(spec, catalog, Reporter())
    network, rows = experiment.learner.model.network, experiment.roles.train
    learn(network.backbone, experiment.feed, rows)
    optimizer = build_optimizer(spec.optimizer, network, catalog)
    epochs = spec.settings.epochs
    schedules = build_schedule(spec.schedule, optimizer, epochs, -(-len(rows) // spec.settings.batch_size), catalog)
    orders = (torch.randperm(len(rows), device=experiment.device) for _ in range(epochs))
    return sum(bare_epoch(experiment, order, optimizer, schedules) for order in orders)


def measure(spec: RunSpec, catalog: Catalog, pairs: int) -> dict[str, Any]:
    """Medians over the pairs, in seconds; the parts of a run are of the wall clock."""
    rows = []
    for _ in range(pairs):
        started = clock(spec.device)
        record = run(spec, catalog, overwrite=True).record
        whole = clock(spec.device) - started
        rows.append({"run": whole, "bare": bare(spec, catalog), **record.timing})
    middle = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    ratios = sorted(row["run"] / row["bare"] for row in rows)
    return middle | {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "trials_per_hour": 3600 / middle["run"],
        "map": record.metrics["map"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", default="cifar10-dualhash-frozen")
    parser.add_argument("--methods", default="csq,dualhash_likelihood")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--bits", type=int, default=16)
    parser.add_argument("--epochs", type=int, help="the protocol's by default")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", type=Path, help="keep the numbers in this file, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    catalog = load_catalog()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as out:
        for precision in options.precisions.split(","):
            for method in options.methods.split(","):

                def spec(folder: str, epochs: int | None, method: str = method, precision: str = precision) -> RunSpec:
                    return resolve(
                        catalog,
                        method=method,
                        protocol=options.protocol,
                        bits=options.bits,
                        changes={"precision": precision, **({"epochs": epochs} if epochs else {})},
                        out=Path(out, folder),
                        device=options.device,
                        data_root=options.data_root,
                        weights=options.weights,
                    )

                run(spec("first", 2), catalog, overwrite=True)
                found[f"{method} {precision}"] = one = measure(spec("whole", options.epochs), catalog, options.pairs)
                if options.json:
                    options.json.write_text(json.dumps(found, indent=1))
                print(
                    f"{method} {precision}: a run {one['run']:.1f} s, the bare loop {one['bare']:.1f} s, ratio "
                    f"{one['ratio']:.2f} ({one['ratios'][0]:.2f} to {one['ratios'][-1]:.2f}); "
                    f"{one['trials_per_hour']:.0f} trials an hour and process; on the wall training "
                    f"{one['train_seconds']:.1f} s, validation {one['validation_seconds']:.1f} s, test "
                    f"{one['test_seconds']:.2f} s; mAP {one['map']:.4f}"
                )


if __name__ == "__main__":
    main()
