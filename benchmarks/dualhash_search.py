"""Can the primal-dual method beat its ablations and the likelihood alone? A search on validation, equal for all seven.

Stage A, shared: 24 settings of what all have in common (rate, scale of the likelihood, loss, output, batch norm), tried
on the likelihood alone. Stage B: for each of the seven methods the best of A with the method's own defaults, and 15
settings around it, the method's own parameters included. Trials are 10 epochs at 32 bits, one seed.

The steps of u and y are drawn as shares of what theory allows: eta_u = rate / sigma, tau = dual_rate / eta_u,
lambda = share * sigma (the weakly convex methods: share / (2 eta_u), at most 0.45 / eta_u).

    python benchmarks/dualhash_search.py --weights FILE --data-root DIR --out studies
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

from hashbench.catalog import load_catalog
from hashbench.engine.search_space import as_set, draw
from hashbench.engine.spec import resolve
from hashbench.engine.study import Trial
from hashbench.engine.tune import Lost, try_setting

PROTOCOL, BITS, SEED, EPOCHS = "cifar10-dualhash-frozen", 32, 0, 10
TRIALS_A, TRIALS_B = 24, 16
METHODS = ["stom", "likelihood", "primal", "sgdm", "wcr", "storm", "spgd"]
SHARED = {
    "optimizer.lr": {"log": [0.03, 2]},
    "max_logit": {"log": [2, 32]},
    "similarity_loss": {"choice": ["pairwise", "pointwise"]},
    "output": {"choice": ["tanh", "softsign", "linear"]},
    "batch_norm": {"choice": [True, False]},
}
WITHOUT_MOMENTUM = ("storm", "spgd")


def around(method: str, number: int, base: dict[str, Any]) -> dict[str, Any]:
    """Setting `number` of stage B: the shared parameters near the best of stage A, then the method's own."""

    def drawn(name: str, space: dict[str, list[Any]]) -> Any:
        return draw({name: space}, SEED, f"dualhash_{method}", number)[name]

    values = dict(base)
    if number == 0:
        return values
    values["optimizer.lr"] = short(base["optimizer.lr"] * drawn("lr", {"log": [0.5, 2.0]}))
    values["max_logit"] = short(base["max_logit"] * drawn("logit", {"log": [0.5, 2.0]}))
    values["output"] = drawn("output", {"choice": [base["output"], "linear"]})
    norm = base["batch_norm"]
    values["batch_norm"] = drawn("bn", {"choice": [norm, norm, not norm]})
    if method == "likelihood":
        return values
    if method == "sgdm":
        own = {
            "lam": drawn("lam", {"log": [1e-3, 0.3]}),
            "regularizer": drawn("regularizer", {"choice": ["abs", "logcosh"]}),
        }
        return values | own
    return values | split_parameters(method, drawn)


def split_parameters(method: str, drawn: Any) -> dict[str, Any]:
    """Parameters of a method with a split variable u."""
    sigma = drawn("sigma", {"log": [3e-4, 0.3]})
    eta_u = short(drawn("rate", {"choice": [0.1, 0.5, 1.0]}) / sigma)
    share = drawn("share", {"log": [0.01, 3.0]})
    own = {
        "sigma": sigma,
        "eta_u": eta_u,
        "dual_update": drawn("dual_update", {"choice": ["epoch", "epoch", "batch"]}),
        "init": drawn("init", {"choice": ["itq", "network"]}),
        "lam": short(min(share, 0.9) * 0.5 / eta_u if method in ("wcr", "spgd") else share * sigma),
    }
    if method in ("stom", "storm"):
        own["tau"] = short(drawn("dual_rate", {"log": [0.003, 0.9]}) / eta_u)
    if method == "storm":
        own["optimizer.a"] = drawn("a", {"choice": [0.05, 0.1, 0.2, 0.5]})
    return own


def short(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


class Search:
    """Tries settings, keeps each list of trials in a file, and goes on where a killed call was."""

    def __init__(self, out: Path, **options: Any) -> None:
        self.out, self.options, self.catalog = out, options, load_catalog(())
        out.mkdir(parents=True, exist_ok=True)

    def best(self, name: str, method: str, settings: list[dict[str, Any]]) -> dict[str, Any]:
        """The values of the best trial."""
        path = self.out / f"{name}.json"
        trials = [Trial(**trial) for trial in json.loads(path.read_text())] if path.exists() else []
        for number in range(len(trials), len(settings)):
            trials.append(self.trial(number, method, settings[number]))
            path.write_text(json.dumps([trial.model_dump() for trial in trials], indent=1))
            print(f"{name} {number}: {trials[-1].score:.4f} {trials[-1].values} {trials[-1].failure or ''}", flush=True)
        best = max((trial for trial in trials if math.isfinite(trial.score)), key=lambda trial: trial.score)
        print(f"{name}: best of {len(trials)} {best.score:.4f} with {best.values}", flush=True)
        return best.values

    def trial(self, number: int, method: str, values: dict[str, Any]) -> Trial:
        spec = resolve(
            self.catalog,
            method=f"dualhash_{method}",
            protocol=PROTOCOL,
            bits=BITS,
            seed=SEED,
            sets=[as_set(name, value) for name, value in values.items()],
            changes={"epochs": EPOCHS, "validate_every": EPOCHS // 2},
            out=self.out,
            **self.options,
        )
        with tempfile.TemporaryDirectory() as folder:
            trial = try_setting(number, values, spec, spec, Path(folder))
        if isinstance(trial, Lost):  # refused settings, such as a step too large for the prox, count as trials
            return Trial(number=number, values=values, failure=trial.failure)
        return trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("studies/dualhash"))
    parser.add_argument("--methods", nargs="*", default=METHODS)
    given = parser.parse_args()
    search = Search(given.out, weights=given.weights, data_root=given.data_root)
    base = search.best("shared", "likelihood", [draw(SHARED, SEED, "base", n) for n in range(TRIALS_A)])
    for method in given.methods:
        start = dict(base)
        if method in WITHOUT_MOMENTUM:
            start["optimizer.lr"] = short(2 * start["optimizer.lr"])
        search.best(method, method, [around(method, number, start) for number in range(TRIALS_B)])


if __name__ == "__main__":
    main()
