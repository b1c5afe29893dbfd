"""What a leaderboard of a thousand runs costs: reading them, and making the tables and the page.

    python benchmarks/leaderboard.py [--runs 1000] [--epochs 50]

The runs are synthetic: result.json with as many metrics and as long a history as a real run writes, per_query.npz of
1,000 queries, five seeds a row, two fingerprints. Prints seconds of wall time and of processor time, the best of three,
after everything is imported; last of the whole command, imports included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from hashbench.report.html_page import to_html
from hashbench.report.latex import to_latex
from hashbench.results.find import find_runs
from hashbench.results.folder import RunFolder
from hashbench.results.leaderboard import headings, sections, table, to_csv, to_markdown
from hashbench.results.per_query import over_queries
from hashbench.results.record import ResultRecord

SEEDS = 5
LENGTHS = (16, 24, 32, 48, 64)
VALIDATE_EVERY = 5
QUERIES = 1000
KEPT = ("ap", "ap_worst", "ap_best", *(f"{name}@r{r}" for name in ("precision", "recall", "empty") for r in range(3)))
"""Of 24 arrays that a real run keeps, half: a leaderboard reads one of them."""

T = TypeVar("T")


def metrics(rng: np.random.Generator, base: float) -> dict[str, float]:
    """Forty-odd metrics around `base`, named as real ones are."""
    names = [
        "map",
        *(f"precision@{n}" for n in (1, 10, 50, *range(100, 1001, 100))),
        *(f"recall@r{r}" for r in range(3)),
    ]
    values = {}
    for name in names:
        value = float(np.clip(base + rng.normal(0, 0.01), 0.05, 0.95))
        values |= {name: value, f"{name}_worst": value - 0.03, f"{name}_best": value + 0.03}
    return values | {"precision@r2": base, "quantization_error": float(rng.random())}


def curves(bits: int, base: float) -> dict[str, list[float]]:
    """As a run keeps them, see `hashbench.results.curves`."""
    radius = np.linspace(0, 1, bits + 1)
    pairs = (1e6 * radius * (1 - radius)).astype(int).tolist()
    return {
        "recall_by_radius": radius.round(6).tolist(),
        "precision_by_radius": (base * (1 - radius**2)).round(6).tolist(),
        "precision_interpolated": np.linspace(base, 0.1, 101).round(6).tolist(),
        "cutoffs": np.linspace(1, 1000, 51).round().tolist(),
        "precision_at": np.linspace(base, 0.1, 51).round(6).tolist(),
        "distance_similar": pairs,
        "distance_dissimilar": pairs[::-1],
    }


def write_runs(root: Path, runs: int, epochs: int) -> None:
    """Make `runs` run folders under `root`."""
    rng = np.random.default_rng(0)
    for number in range(runs):
        row, seed = divmod(number, SEEDS)
        setting, place = divmod(row, len(LENGTHS))
        protocol = ("synthetic-a", "synthetic-b")[setting % 2]
        method, bits = f"method_{setting // 2:03d}", LENGTHS[place]
        base = 0.4 + 0.4 * (setting * 7919 % 101) / 101
        history = []
        for epoch in range(1, epochs + 1):
            entry = {"epoch": epoch, "loss": 3 / epoch + rng.random() / 10, "lr": 0.1 / epoch, "seconds": 1.5}
            if epoch % VALIDATE_EVERY == 0:
                reached = base * (1 - np.exp(-epoch / 10))
                entry |= {f"val_{name}": value for name, value in metrics(rng, reached).items()}
            history.append(entry)
        record = ResultRecord(
            fingerprint=f"{setting % 2:016x}",
            protocol=protocol,
            protocol_description={"epochs": epochs, "batch_size": 128},
            method=method,
            hparams={"alpha": 0.01, "optimizer": {"type": "SGD", "lr": 0.05}},
            bits=bits,
            seed=seed,
            metrics=metrics(rng, base),
            history=history,
            curves=curves(bits, base),
            timing={"seconds_per_epoch": 1.5, "total_seconds": 1.5 * epochs},
            environment={"date": "2026-01-01T00:00:00+00:00"},
            peak_memory_mb=512.0,
            backbone="alexnet",
            selection={"metric": "map", "epoch": epochs},
            dataset="synthetic",
        )
        run = RunFolder.at(root, protocol, method, bits, seed)
        run.path.mkdir(parents=True)
        run.write_result(record)
        run.write_per_query(dict.fromkeys(KEPT, rng.random(QUERIES)))


def processor_time() -> float:
    """Seconds of this process and of those that it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def timed(what: str, function: Callable[[], T], repeats: int = 3) -> T:
    """Print the best wall and processor time of `function`; its last value."""
    walls, processor = [], []
    for _ in range(repeats):
        wall, own = time.perf_counter(), processor_time()
        value = function()
        walls.append(time.perf_counter() - wall)
        processor.append(processor_time() - own)
    print(f"{what:42} {min(walls):6.2f} s wall {min(processor):6.2f} s processor")
    return value


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="leave the runs and the page in this empty folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.keep or Path(scratch)
        write_runs(root / "runs", arguments.runs, arguments.epochs)
        size = sum(path.stat().st_size for path in root.rglob("result.json"))
        print(f"{arguments.runs} runs, {size / 2**20:.1f} MiB of result.json")
        runs = timed("read", lambda: find_runs(root / "runs").runs)
        records = [run.record for run in runs]
        queries = timed("read the values per query", lambda: over_queries(runs, "map")).values
        frame = timed("table with ranks", lambda: table(records, queries=queries))
        differences = headings(records)
        timed(
            "terminal's sections, CSV, Markdown, LaTeX",
            lambda: [sections(frame), to_csv(frame), to_markdown(frame), to_latex(frame)],
        )
        page = timed("HTML page", lambda: to_html(frame, records))
        print(f"{len(frame)} rows, {len(differences)} tables, page of {len(page) / 2**20:.2f} MiB")
        command = [
            sys.executable,
            "-m",
            "hashbench",
            "leaderboard",
            str(root / "runs"),
            "--html",
            str(root / "leaderboard.html"),
        ]
        command += ["--csv", str(root / "leaderboard.csv")]
        timed(
            "hashbench leaderboard --csv --html", lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        )


if __name__ == "__main__":
    main()
