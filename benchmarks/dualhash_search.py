"""Can the primal-dual method beat its ablations and the likelihood alone? A search on validation, equal for all seven.

Trial 0 of a method is its preset frozen-v2. Trial n > 0 draws what all share (rate, scale of the likelihood, batch
norm) by n alone, so that trial n of two methods differs only in what is their own, and the two can be compared.
Trials 1 to 7 are drawn from a wide space of what is shared, the others from a part of it around what was best. Each
has the full 20 epochs at 32 bits, one validation at the end, and a head of 128 units in place of 512, which halves
its time; no test query is seen. The best trials of each method are repeated with other seeds, and the mean chooses.

The steps of u and y are drawn as shares of what theory allows: eta_u = rate / sigma, tau = dual_rate / eta_u, lambda =
share * sigma (the weakly convex methods: share / (2 eta_u)). With an amplitude above 1 outputs can leave the box, which
is where the dual acts.

    python benchmarks/dualhash_search.py --weights FILE --data-root DIR --out studies
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.catalog.set_words import as_set
from hashbench.tuning.search_space import draw_one
from hashbench.tuning.study import Trial
from hashbench.tuning.trial import Lost, Stretch, try_setting

PROTOCOL, PRESET, BITS, EPOCHS, HEAD = "cifar10-dualhash-frozen@2", "frozen-v2", 32, 20, [128]
METHODS = ["stom", "likelihood", "primal", "sgdm", "wcr", "storm", "spgd"]
WITHOUT_MOMENTUM = ("storm", "spgd")
"""Their rates are four times those drawn."""

WIDE = {
    "optimizer.lr": {"log": [0.25, 1.5]},
    "max_logit": {"log": [5, 20]},
    "batch_norm": {"choice": [True, True, False]},
}
NARROW_FROM = 8
NARROW = {
    "optimizer.lr": {"log": [0.6, 1.4]},
    "max_logit": {"log": [4.5, 9]},
    "batch_norm": {"choice": [True]},
}
"""Around what the likelihood alone liked best among the first."""


def setting(method: str, number: int) -> dict[str, Any]:
    """Trial `number` of a method: hyper-parameters that differ from the preset's."""
    if number == 0:
        return {}

    def shared(name: str, **space: list[Any]) -> Any:
        return draw_one(space, 0, "dualhash", name, number)

    def own(name: str, **space: list[Any]) -> Any:
        return draw_one(space, 0, f"dualhash_{method}", name, number)

    space = WIDE if number < NARROW_FROM else NARROW
    values = {name: shared(name.rpartition(".")[2], **kinds) for name, kinds in space.items()}
    if method in WITHOUT_MOMENTUM:
        values["optimizer.lr"] = short(4 * values["optimizer.lr"])
    if method == "likelihood":
        return values
    values["amplitude"] = own("amplitude", choice=[1.0, 1.0, 1.5, 2.0])
    if method == "sgdm":
        values["lam"] = own("lam", log=[0.001, 0.05])
        values["regularizer"] = own("regularizer", choice=["abs", "logcosh"])
        return values
    rate, share = own("rate", choice=[0.2, 0.5, 1.0]), own("share", log=[0.05, 0.9])
    values["sigma"] = own("sigma", log=[0.0002, 0.005])
    values["eta_u"] = short(rate / values["sigma"])
    values["lam"] = short(share * (0.5 / values["eta_u"] if method in ("wcr", "spgd") else values["sigma"]))
    values["dual_update"] = own("dual_update", choice=["epoch", "batch"])
    values["init"] = own("init", choice=["itq", "network"])
    if method in ("stom", "storm"):
        values["tau"] = short(own("dual_rate", log=[0.02, 0.9]) / values["eta_u"])
    if method == "storm":
        values["optimizer.a"] = own("a", choice=[0.05, 0.1, 0.2, 0.5])
    return values


def short(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")


class Search:
    """Tries settings, keeps each list of trials in a file, and goes on where a killed call was."""

    def __init__(self, out: Path, **options: Any) -> None:
        self.out, self.options, self.catalog = out, options, load_catalog(())
        out.mkdir(parents=True, exist_ok=True)

    def trials(self, method: str, count: int) -> list[Trial]:
        """The first `count` trials of a method, seed 0."""
        path = self.out / f"{method}.json"
        trials = [Trial(**trial) for trial in json.loads(path.read_text())] if path.exists() else []
        for number in range(len(trials), count):
            trials.append(self.trial(number, method, setting(method, number), seed=0))
            path.write_text(json.dumps([trial.model_dump() for trial in trials], indent=1))
            print(
                f"{method} {number}: {trials[-1].score:.4f} {trials[-1].values} {trials[-1].failure or ''}", flush=True
            )
        return trials[:count]

    def over_seeds(self, method: str, trial: Trial, seeds: int) -> float:
        """Mean of one setting over the first seeds; NaN where one of them failed."""
        path = self.out / f"{method}-seeds.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        scores = known.setdefault(str(trial.number), [trial.score])
        for seed in range(len(scores), seeds):
            scores.append(self.trial(trial.number, method, trial.values, seed).score)
            path.write_text(json.dumps(known, indent=1))
        mean, spread = statistics.fmean(scores[:seeds]), statistics.stdev(scores[:seeds])
        print(f"{method} {trial.number}: {mean:.4f} +- {spread:.4f} over {seeds} seeds", flush=True)
        return mean

    def trial(self, number: int, method: str, values: dict[str, Any], seed: int) -> Trial:
        spec = resolve(
            self.catalog,
            method=f"dualhash_{method}",
            protocol=PROTOCOL,
            preset=PRESET,
            bits=BITS,
            seed=seed,
            sets=[as_set(name, value) for name, value in values.items()] + [f"protocol.hidden={HEAD}"],
            changes={"epochs": EPOCHS, "validate_every": EPOCHS},
            out=self.out,
            **self.options,
        )
        with tempfile.TemporaryDirectory() as folder:
            trial = try_setting(Stretch(number, values, spec, spec, Path(folder)))
        if isinstance(trial, Lost):  # refused settings, such as a step too large for the prox, count as trials
            return Trial(number=number, values=values, failure=trial.failure)
        return trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("studies/dualhash"))
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--best", type=int, default=2, help="how many of each method are repeated with other seeds")
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    given = parser.parse_args()
    search = Search(given.out, weights=given.weights, data_root=given.data_root)
    for count in range(1, given.trials + 1):  # trial by trial, so that a search cut short is equal for all methods too
        for method in given.methods:
            search.trials(method, count)
    for method in given.methods:
        trials = search.trials(method, given.trials)
        best = sorted((t for t in trials if math.isfinite(t.score)), key=lambda t: t.score, reverse=True)[: given.best]
        chosen = max(best, key=lambda trial: search.over_seeds(method, trial, given.seeds))
        print(f"{method}: chosen {chosen.number} with {chosen.values or 'its defaults'}", flush=True)


if __name__ == "__main__":
    main()
