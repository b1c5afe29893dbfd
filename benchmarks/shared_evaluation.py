"""How much sooner several processes end an evaluation that they share: encoding, counting, metrics, as in a run.

    python benchmarks/shared_evaluation.py [--processes 2] [--rounds 7] [--queries 2000] [--database 20000]

Random images of 32 x 32 go through the network with random weights, on the CPU, one thread per process. One process and
several, joined by gloo, take turns; both are started before and warmed up. Two ratios are printed: of the seconds on
the wall until the last process ends, which other work on the same cores lengthens (the load is printed), and of the CPU
seconds of the process that has most to do, which it hardly changes. Metrics and codes of both sides must have the same
bits.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from hashbench.backbones.build import build_backbone
from hashbench.catalog import load_catalog
from hashbench.data import BatchLoader, DataTable, DeviceTransform
from hashbench.engine.evaluator import RetrievalEvaluator
from hashbench.engine.model import DeepModel
from hashbench.engine.retrieval_loops import RetrievalLoaders, RetrievalTestLoop
from hashbench.models import DeepMethod, HashNetwork

CLASSES = 10


@dataclass(frozen=True)
class Work:
    """What is evaluated: random images, and the network."""

    backbone: str
    queries: int
    database: int
    batch_size: int
    bits: int

    def loop(self) -> RetrievalTestLoop:
        """The loop that tests a run; the same weights and images in each process."""
        draw = torch.Generator().manual_seed(0)
        count = self.queries + self.database
        images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=draw)
        table = DataTable("random images", images, torch.randint(0, CLASSES, (count,), generator=draw), CLASSES)
        transform = DeviceTransform("image", None, "none", [0.5] * 3, [0.25] * 3)
        rows = np.split(np.arange(count), [self.queries])
        loaders = [BatchLoader(table, part, batch_size=self.batch_size, transform=transform) for part in rows]
        catalog = load_catalog()
        backbone = build_backbone(
            catalog.load_class("backbones", self.backbone),
            in_shape=(3, 32, 32),
            hparams=catalog.backbone(self.backbone).hparams,
            pretrained=False,
            weights=None,
            seed=0,
        )
        torch.manual_seed(0)
        method = DeepMethod(bits=self.bits, num_classes=CLASSES, num_train=count)
        runner = SimpleNamespace(
            model=DeepModel(HashNetwork(backbone.module, method), CLASSES), call_hook=lambda *_, **__: None
        )
        return RetrievalTestLoop(runner, RetrievalLoaders(*loaders), RetrievalEvaluator(self.bits, (1000,)))


def serve(rank: int, number: int, meeting: str, work: Work, connection: Connection) -> None:
    """A process: evaluates whenever it is told to, and answers with what came out."""
    os.setsid()  # as torchrun starts them: Linux divides busy cores by session
    torch.set_num_threads(1)
    if number > 1:
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=number)
    loop = work.loop()
    while connection.recv():
        started = time.process_time()
        metrics = loop.run()
        seconds = time.process_time() - started
        assert loop.database.codes is not None
        connection.send((seconds, (metrics, loop.database.codes.tobytes())))


class Group:
    """Processes that evaluate together."""

    def __init__(self, number: int, folder: Path, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        meeting = (folder / f"{number}").as_uri()
        self._ours = []
        for rank in range(number):
            ours, theirs = context.Pipe()
            context.Process(target=serve, args=(rank, number, meeting, work, theirs), daemon=True).start()
            self._ours.append(ours)

    def evaluate(self) -> tuple[float, float, Any]:
        """Seconds on the wall, CPU seconds of the busiest process, and what the first process found."""
        started = time.perf_counter()
        for connection in self._ours:
            connection.send(True)
        answers = [connection.recv() for connection in self._ours]
        return time.perf_counter() - started, max(seconds for seconds, _ in answers), answers[0][1]

    def end(self) -> None:
        """Let the processes go."""
        for connection in self._ours:
            connection.send(False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--backbone", default="small_conv")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--database", type=int, default=20000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--bits", type=int, default=64)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    work = Work(options.backbone, options.queries, options.database, options.batch_size, options.bits)
    with tempfile.TemporaryDirectory() as folder:
        groups = [Group(number, Path(folder), work) for number in (1, options.processes)]
        found = [group.evaluate()[-1] for group in groups]
        if found[0] != found[1]:
            raise SystemExit("the two sides found different metrics or codes")
        print(f"the same bits: mAP {found[0][0]['map']:.6f}, and {len(found[0][1])} bytes of codes")
        pairs = []
        for number in range(options.rounds):
            order = groups if number % 2 else groups[::-1]
            measured = {id(group): group.evaluate()[:2] for group in order}
            pairs.append([measured[id(group)] for group in groups])
            (wall, cpu), (wall_shared, cpu_shared) = pairs[-1]
            print(
                f"one: {wall:.2f} s, CPU {cpu:.2f} s; {options.processes} together: {wall_shared:.2f} s, "
                f"CPU {cpu_shared:.2f} s (load {os.getloadavg()[0]:.1f})"
            )
        for group in groups:
            group.end()
    for kind, name in enumerate(("wall", "CPU of the busiest process")):
        ratios = [shared[kind] / alone[kind] for alone, shared in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        fastest = min(shared[kind] for _, shared in pairs) / min(alone[kind] for alone, _ in pairs)
        print(
            f"{options.processes} processes / one, {name}: median {middle:.3f}, quartiles {low:.3f} to {high:.3f}, "
            f"fastest round of each {fastest:.3f}"
        )


if __name__ == "__main__":
    main()
