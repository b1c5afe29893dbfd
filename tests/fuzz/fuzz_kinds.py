"""The kinds of input that commands read, each with a right one to start from and a command that reads it.

The commands end before they train: they show, measure or check, or are refused after all of the input was read.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from fuzz_engine import Make
from fuzz_mutations import (
    CLASS_PATHS,
    NASTY,
    YAML_WORDS,
    mutated_bytes,
    mutated_json,
    mutated_npz,
    mutated_text,
    mutated_values,
    pick,
)

import hashbench.deploy.encode_run
import hashbench.engine.run
import hashbench.report.figures.draw
import hashbench.testing.suite
import hashbench.tuning.tune_method  # noqa: F401 - imported here and not in a case, whose time and memory have limits
from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.results.record import to_json

REFUSED_IN_THE_END = ("--protocol", "cifar10-54k")
"""A protocol whose data are not there: what comes before is read and checked, then the command is refused."""
INLINE = ("--executor", "inline")
OLD_RUN = Path(__file__).parents[1] / "results" / "data"


@lru_cache
def _old_record() -> dict[str, Any]:
    (path,) = OLD_RUN.glob("**/result.json")
    record: dict[str, Any] = json.loads(path.read_text())
    record["history"] = [{"epoch": 1, "loss": 2.5, "lr": 0.1}, {"epoch": 2, "loss": 1.5, "lr": 0.1, "val_map": 0.5}]
    return record


def _result(rng: random.Random, folder: Path) -> list[str]:
    place = folder / "runs" / "p" / "m" / "8bit"
    for seed in range(2):
        (place / f"seed{seed}").mkdir(parents=True)
        record = _old_record() | {"seed": seed}
        content = mutated_json(rng, record) if seed == 0 else json.dumps(record).encode()
        (place / f"seed{seed}" / "result.json").write_bytes(content)
    files = rng.sample(["--csv a.csv", "--markdown a.md", "--latex a.tex", "--html a.html", "--average-rank"], 2)
    return ["leaderboard", "runs", *" ".join(files).split()]


@lru_cache
def _study() -> dict[str, Any]:
    spec = resolve(load_catalog(folder=Path("/")), method="dsh", out=Path("runs"), changes={"epochs": 1})
    values: dict[str, Any] = {
        "study": 1, "method": "dsh", "preset": None, "sets": ["margin=24"], "sampler": "named", "seed": 0,
        "search": {"alpha": {"log": [0.001, 1.0]}}, "run": spec.identity(),
        "trials": [
            {"number": 0, "values": {}, "score": 0.5, "epoch": 1, "seconds": 1.0, "failure": None},
            {"number": 1, "values": {"alpha": 0.02}, "score": 0.6, "epoch": 1, "seconds": 1.0, "failure": None},
        ],
    }  # fmt: skip
    return json.loads(to_json(values))


def _studies(rng: random.Random, folder: Path) -> list[str]:
    (folder / "study.json").write_bytes(mutated_json(rng, _study()))
    how = rng.randrange(8)
    if how == 0:
        return ["figures", "study.json", "--out", "f", "--format", "png"]
    if how == 1:
        return ["tuning-curves", "study.json", "--csv", "c.csv", "--figure", "c.svg"]
    if how < 4:
        return ["tune", "dsh", *REFUSED_IN_THE_END, *INLINE, "--trials", "2", "--out", "study.json"]
    return ["run", "--method", "dsh", *REFUSED_IN_THE_END, "--tuned", "study.json"]


_CONFIG: dict[str, Any] = {
    "run": {
        "method": "dsh", "bits": 32, "seed": 1, "protocol": "cifar10-54k", "preset": "default", "hparams": {"alpha": 0.02},
        "optimizer": {"lr": 0.1}, "schedule": {"type": "step"}, "settings": {"epochs": 3, "topk": [10], "radii": [0, 2]},
    },
    "custom_hooks": [{"type": "EMAHook"}],
    "visualizer": {"type": "Visualizer", "vis_backends": [{"type": "LocalVisBackend"}]},
}  # fmt: skip


def _config(rng: random.Random, folder: Path) -> list[str]:
    ending = rng.choice([".yaml", ".yaml", ".json", ".json", ".py"])
    path = folder / f"config{ending}"
    if ending == ".json":
        path.write_bytes(mutated_json(rng, _CONFIG))
    elif ending == ".yaml":
        if rng.random() < 0.5:
            path.write_text(_yaml(mutated_values(rng, _CONFIG)), errors="surrogatepass")
        else:
            path.write_text(mutated_text(rng, _yaml(_CONFIG), YAML_WORDS), errors="surrogatepass")
    else:
        values = mutated_values(rng, _CONFIG)
        values = values if isinstance(values, dict) else {"run": values}
        text = "\n".join(f"{key} = {value!r}" for key, value in values.items() if key.isidentifier())
        words = ["1/0", "lambda: 0", "import os", "[" * 300, "{1: 2}", "range(3)", "raise SystemExit(3)", "object()"]
        text = mutated_text(rng, text, words) if rng.random() < 0.5 else text
        path.write_text(text, errors="surrogatepass")
    if rng.random() < 0.1:
        path.write_bytes(mutated_bytes(rng, path.read_bytes()))
    return ["run", "--config", path.name]


def _yaml(value: Any) -> str:
    try:
        return yaml.safe_dump(value, default_flow_style=None, sort_keys=False)
    except (yaml.YAMLError, RecursionError, UnicodeEncodeError):
        return json.dumps(value)


_REGISTRY = """\
methods:
  mine:
    class: hashbench_dualhash.method:Mine
    kind: deep
    title: a method
    paper: {key: A1, venue: B}
    optimizer: {type: SGD, lr: 0.1}
    presets: {paper: {optimizer.lr: 0.2}}
    search: {optimizer.lr: {log: [0.01, 1.0]}}
  shallow_one:
    class: json:JSONDecoder
    kind: shallow
backbones:
  other: {class: "hashbench.backbones.small_conv:SmallConv", hparams: {widths: [4]}}
datasets:
  rows: {class: "hashbench.data.digits:Digits", inputs: image}
optimizers:
  fast: {class: "torch.optim:SGD"}
protocols:
  small:
    version: 1
    dataset: digits
    split: {fractions: {test: 0.2, validation: 0.1}}
    backbone: small_conv
    epochs: 2
    batch_size: 64
    topk: [10]
"""


def _registry(rng: random.Random, folder: Path) -> list[str]:
    how = rng.random()
    if how < 0.2:
        text = _yaml(mutated_values(rng, yaml.safe_load(_REGISTRY)))
    elif how < 0.4:
        text = _REGISTRY.replace(rng.choice(["json:JSONDecoder", "torch.optim:SGD"]), rng.choice(CLASS_PATHS))
        text = text.replace("hashbench_dualhash.method:Mine", rng.choice(CLASS_PATHS))
    else:
        text = mutated_text(rng, _REGISTRY, YAML_WORDS)
    content = text.encode(errors="surrogatepass")
    local = rng.random() < 0.5
    path = folder / ("hashbench.yaml" if local else "r.yaml")
    path.write_bytes(mutated_bytes(rng, content) if how > 0.9 else content)
    name = rng.choice(["mine", "shallow_one", "other", "rows", "fast", "small"])
    command = rng.choice(
        [["list"], ["show", name], ["show", name, "--json"], ["run", "-m", "mine", *REFUSED_IN_THE_END]]
    )
    return [*command, *([] if local else ["--plugin", "r.yaml"])]


def _set_value(rng: random.Random, folder: Path) -> list[str]:
    keys = ["alpha", "margin", "optimizer.lr", "optimizer.type", "schedule.type", "protocol.hidden", "protocol.topk", "a",
            "protocol.split", "backbone.widths", "dataset.size", "optimizer.", ".", "", "protocol.", "x" * 900]  # fmt: skip
    value = rng.choice([*YAML_WORDS, *(str(one) for one in NASTY[:-1] if one != 10**400)])
    value = value if rng.random() < 0.7 else json.dumps(pick(rng, NASTY))
    word = f"{rng.choice(keys)}={value}".replace("\0", "")
    if rng.random() < 0.4:
        kind = rng.choice(["log", "uniform", "choice", "", "x"])
        word = f"{rng.choice(keys)}={kind} {value} {rng.choice(['1', value])}".replace("\0", "")
        return ["tune", "dsh", *REFUSED_IN_THE_END, *INLINE, "--trials", "1", "--search", word]
    command = rng.choice([["run", "-m", "dsh", *REFUSED_IN_THE_END], ["check-data", "image_list"]])
    return [*command, "--set", word]


_OPTIONS: dict[str, list[str]] = {
    "run": ["--method", "--protocol", "--bits", "--seed", "--preset", "--tuned", "--out", "--config", "--visualizer", "--dataset",
            "--backbone", "--weights", "--epochs", "--batch-size", "--image-size", "--precision", "--patience", "--device",
            "--data-root", "--plugin", "--import"],
    "sweep": ["--methods", "--protocols", "--bits", "--seeds", "--jobs", "--executor", "--executor-option", "--retry", "--device"],
    "tune": ["--trials", "--sampler", "--seed", "--bits", "--preset", "--out", "--executor", "--jobs"],
    "evaluate": ["--topk", "--radius", "--denominator", "--ties", "--bits", "--device"],
    "leaderboard": ["--csv", "--html", "--metric", "--bits", "--methods", "--protocol", "--latex", "--baseline"],
    "figures": ["--kinds", "--format", "--methods", "--bits", "--protocol"],
    "tuning-curves": ["--csv", "--figure", "--bits", "--methods", "--protocol"],
    "check-data": ["--data-root", "--plugin", "--set"],
    "show": ["--plugin", "--import"],
    "search": ["--run", "--query", "--top"],
    "gallery": ["--run", "--queries"],
    "export": ["--run", "--out"],
    "reproduce": ["--out", "--seeds", "--data-root"],
    "new-method": ["--kind", "--folder"],
    "check": ["--plugin"],
}  # fmt: skip
_START: dict[str, list[str]] = {
    "run": ["--method", "dsh", *REFUSED_IN_THE_END], "sweep": ["--methods", "dsh", "--protocols", "cifar10-54k", *INLINE],
    "tune": ["dsh", *REFUSED_IN_THE_END, *INLINE], "evaluate": ["none.npz"], "leaderboard": ["none"],
    "figures": ["none", "--out", "f"], "tuning-curves": ["none"], "check-data": ["image_list"], "show": [], "search": ["--query", "0"], "gallery": [],
    "export": [], "reproduce": [], "new-method": [], "check": [],
}  # fmt: skip


def _option(rng: random.Random, folder: Path) -> list[str]:
    command = rng.choice(list(_OPTIONS))
    words = list(_START[command])
    for _ in range(rng.choice([1, 1, 2])):
        value = str(pick(rng, [one for one in NASTY if one != 10**400])).replace("\0", "")
        words += [rng.choice(_OPTIONS[command]), value]
    if rng.random() < 0.3 or not words:
        words.append(str(pick(rng, [one for one in NASTY if one != 10**400])).replace("\0", ""))
    if command == "export":
        words += ["--run", "none"]
    return [command, *words]


@lru_cache
def _codes() -> dict[str, np.ndarray]:
    random_ = np.random.default_rng(0)
    codes = {
        f"{role}_codes": random_.integers(0, 256, (n, 2)).astype(np.uint8)
        for role, n in (("query", 6), ("database", 20))
    }
    labels = {f"{role}_labels": random_.integers(0, 3, n) for role, n in (("query", 6), ("database", 20))}
    return {**codes, **labels, "bits": np.array(16)}


def _npz(rng: random.Random, folder: Path) -> list[str]:
    (folder / "codes.npz").write_bytes(mutated_npz(rng, _codes()))
    return ["evaluate", "codes.npz", *rng.choice([[], ["--json"], ["--topk", "5"]])]


def _features(rng: random.Random, folder: Path) -> list[str]:
    random_ = np.random.default_rng(0)
    arrays = {"features": random_.normal(size=(30, 4)).astype(np.float32), "labels": np.arange(30) % 3}
    (folder / "rows.npz").write_bytes(mutated_npz(rng, arrays))
    return ["check-data", rng.choice(["features", "features", "features"]), "--data-root", "rows.npz"]


def _per_query(rng: random.Random, folder: Path) -> list[str]:
    for method in "ab":
        for seed in range(3):
            place = folder / "runs" / "p" / method / "8bit" / f"seed{seed}"
            place.mkdir(parents=True)
            (place / "result.json").write_text(json.dumps(_old_record() | {"seed": seed, "method": method}))
            arrays = {"ap": np.linspace(0, 1, 12), "ap_worst": np.zeros(12)}
            broken = method == "a" and seed == 0
            path = place / "per_query.npz"
            path.write_bytes(mutated_npz(rng, arrays)) if broken else np.savez(path, **arrays)
    return ["leaderboard", "runs", *rng.choice([[], ["--compare", "a", "b"], ["--average-rank"]])]


def _run_codes(rng: random.Random, folder: Path) -> list[str]:
    shutil.copytree(OLD_RUN, folder / "runs")
    (path,) = folder.glob("runs/**/codes.npz")
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    path.write_bytes(mutated_npz(rng, arrays))
    return ["search", "--run", str(path.parent.relative_to(folder)), "--query", "0", "--data-root", "none.npz"]


_ROLES = {"train": list(range(20)), "validation": list(range(20, 25)), "test": list(range(25, 30))}
_MANIFEST = """\
protocols:
  mine:
    version: 1
    dataset: features
    split: {{manifest: {file}, sha256: "{sha}"}}
    backbone: identity
    epochs: 1
    batch_size: 4
"""


def _manifest(rng: random.Random, folder: Path) -> list[str]:
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    np.savez(folder / "rows.npz", features=features, labels=np.arange(30) % 3)
    if rng.random() < 0.5:
        file = "m.json"
        (folder / file).write_bytes(mutated_json(rng, _ROLES))
    else:
        file = "m.npz"
        (folder / file).write_bytes(mutated_npz(rng, {name: np.array(rows) for name, rows in _ROLES.items()}))
    (folder / "hashbench.yaml").write_text(_MANIFEST.format(file=folder / file, sha="0" * 64))
    return ["check-data", "mine", "--data-root", "rows.npz"]


def _list(rng: random.Random, folder: Path) -> list[str]:
    lines = [f"{number}.png {number % 3}" for number in range(9)]
    words = ["0 1 0", "1", "-1", "9" * 400, "1e3", "nan", "a b", "\x1b[31m", "\0", "../x.png", "x" * 5000, "é.png", "\ufeff",
             "'0.png'", "\udcff.png", "/etc/passwd", ".", "", " ", "\t", "\r", "1_2", "0.5", "1 1", "2"]  # fmt: skip
    from PIL import Image

    for number in range(9):
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(folder / f"{number}.png")
    names = rng.choice([["train.txt", "test.txt"], ["list.txt"], ["train.txt", "test.txt", "database.txt"]])
    for number, name in enumerate(names):
        own = lines[number * 3 : number * 3 + 3] if len(names) > 1 else lines
        text = mutated_text(rng, "\n".join(own), words) if number == 0 else "\n".join(own)
        content = text.encode(errors="surrogatepass")
        (folder / name).write_bytes(mutated_bytes(rng, content) if rng.random() < 0.2 else content)
    where = folder if len(names) > 1 else folder / "list.txt"
    return ["check-data", "image_list", "--data-root", str(where), "--set", "dataset.size=8"]


def _cache_head(rng: random.Random, folder: Path) -> Callable[[], None]:
    """A damaged entry of the cache of features is computed again."""
    from hashbench.cache import FeatureCache

    cache, rows = FeatureCache(folder / "cache"), np.arange(5)
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)

    def read() -> np.ndarray:
        return cache.get_or_compute({"a": 1}, rows, lambda _: iter([features]), 3)

    read()
    (head,), (data,) = folder.glob("cache/*.json"), folder.glob("cache/*.npy")
    if rng.random() < 0.6:
        head.write_bytes(mutated_json(rng, json.loads(head.read_text())))
    else:
        data.write_bytes(mutated_bytes(rng, data.read_bytes()))

    def check() -> None:
        np.testing.assert_array_equal(read(), features)

    return check


def _checkpoint(rng: random.Random, folder: Path) -> Callable[[], None]:
    """A damaged checkpoint is passed over."""
    import torch

    from hashbench.engine.checkpoint import CheckpointStore

    store = CheckpointStore(folder)
    for epoch in (1, 2):
        store.save(epoch, {"training": {"best_epoch": 1}, "weights": torch.arange(6.0), "epoch": epoch})
    newest = folder / "epoch_2.pth"
    newest.write_bytes(mutated_bytes(rng, newest.read_bytes()))

    def check() -> None:
        assert store.latest() is not None

    return check


KINDS: dict[str, tuple[Make, int]] = {
    "result": (_result, 100),
    "study": (_studies, 100),
    "registry": (_registry, 200),
    "set": (_set_value, 100),
    "config": (_config, 200),
    "option": (_option, 100),
    "evaluate": (_npz, 120),
    "features": (_features, 50),
    "per_query": (_per_query, 20),
    "run_codes": (_run_codes, 30),
    "manifest": (_manifest, 200),
    "list": (_list, 200),
    "cache": (_cache_head, 60),
    "checkpoint": (_checkpoint, 30),
}
"""How each is made, and how many cases of it the fast suite tries."""
