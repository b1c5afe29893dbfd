"""hashbench compares learning-to-hash methods under one protocol, with exact evaluation.

From a notebook or a script:

    import hashbench

    result = hashbench.run(method="dsh", bits=32)              # trains, selects on validation, tests once
    result.metrics["map"], result.history                      # numbers, and a DataFrame over epochs
    hashbench.sweep(methods=["dsh", "csq", "itq"], bits=[16, 32], seeds=range(3))
    hashbench.leaderboard("runs")                              # ranked rows over seeds, a DataFrame
    hashbench.load_results("runs")                             # one row per run, a DataFrame
    hashbench.tune("dsh", trials=16).best_sets()               # settings chosen on validation
    hashbench.evaluate(query_codes, database_codes, query_labels, database_labels).metrics["map"]

A method of one's own is a class with a loss; from then on it has a name as all others have:

    import torch
    from hashbench import METHODS
    from hashbench.models import DeepMethod

    @METHODS.register_module("mine")
    class Mine(DeepMethod):
        def activation(self, logits):
            return torch.tanh(logits)

        def loss(self, batch):  # batch.codes (b, K), batch.similarity (b, b), batch.labels, ...
            theta = 0.5 * batch.codes @ batch.codes.T
            return {"likelihood": (torch.nn.functional.softplus(theta) - batch.similarity * theta).mean()}

    hashbench.run(method="mine", bits=16)

Data sets, backbones, optimizers, schedules, metrics and executors enter in the same way: DATASETS, BACKBONES,
OPTIMIZERS, SCHEDULES, METRICS, EXECUTORS. `hashbench.StoM` and `hashbench.StoRM` are DualHash's optimizers, for any
PyTorch loop. The same in the shell: `hashbench --help`.

Importing hashbench imports nothing heavy; what is asked for is imported then.
"""

import hashbench.working_folder  # noqa: F401, I001 - before all other imports: it changes where they look
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if "HOME" not in os.environ:
    from hashbench.process import settle_home

    settle_home()

if TYPE_CHECKING:
    from hashbench.api import leaderboard, load_results, run, sweep, tune
    from hashbench.evaluation import evaluate
    from hashbench.registry import BACKBONES, DATASETS, EXECUTORS, METHODS, METRICS, OPTIMIZERS, SCHEDULES
    from hashbench.results.find import open_run
    from hashbench_dualhash.stom import StoM
    from hashbench_dualhash.storm import StoRM

__version__ = "0.1.0"

__all__ = [
    "BACKBONES",
    "DATASETS",
    "EXECUTORS",
    "METHODS",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "StoM",
    "StoRM",
    "evaluate",
    "leaderboard",
    "load_results",
    "open_run",
    "run",
    "sweep",
    "tune",
]

_HOMES = {
    **dict.fromkeys(("leaderboard", "load_results", "run", "sweep", "tune"), "hashbench.api"),
    **dict.fromkeys(
        ("BACKBONES", "DATASETS", "EXECUTORS", "METHODS", "METRICS", "OPTIMIZERS", "SCHEDULES"), "hashbench.registry"
    ),
    "evaluate": "hashbench.evaluation",
    "open_run": "hashbench.results.find",
    "StoM": "hashbench_dualhash.stom",
    "StoRM": "hashbench_dualhash.storm",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hashbench' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
