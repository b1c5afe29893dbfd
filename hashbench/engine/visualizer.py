"""Curves of a run while it trains, through mmengine's visualizer: TensorBoard, W&B, MLflow or a file of JSON lines."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.visualization import Visualizer

from hashbench.atomic import atomic_write
from hashbench.engine.epoch import sections
from hashbench.engine.mmengine_internals import DrawNothing, flush
from hashbench.errors import UserError, did_you_mean
from hashbench.paths import is_file
from hashbench.registry import SCOPE, VISBACKENDS, VISUALIZERS
from hashbench.results.atomic import write_errors_explained

if TYPE_CHECKING:
    from hashbench.catalog.request import RunSpec

BACKENDS = {
    "local": "LocalVisBackend",
    "tensorboard": "TensorboardVisBackend",
    "wandb": "WandbVisBackend",
    "mlflow": "MLflowVisBackend",
}
"""Names on the command line; all but `local` are extras of hashbench and packages of the same name."""


def named(names: Iterable[str]) -> dict[str, Any] | None:
    """The visualizer that `--visualizer NAME ...` asks for, as a config writes it.

    Raises:
        UserError: an unknown name, or one whose package is not installed.
    """
    backends = []
    for name in dict.fromkeys(names):
        if name not in BACKENDS:
            raise UserError(f"--visualizer {name}: there is none of that name. {did_you_mean(name, BACKENDS)}")
        backends.append({"type": BACKENDS[name]})
        _check_installed(BACKENDS[name], "--visualizer")
    return {"type": "Visualizer", "vis_backends": backends} if backends else None


def check_visualizer(config: Any, where: str) -> None:
    """Refuse a `visualizer` of a config that cannot be built.

    Raises:
        UserError: a name that is not registered, or a back end whose package is not installed.
    """
    from hashbench.engine.config import check_registered

    check_registered(f"{where}: visualizer", config, VISUALIZERS)
    backends = config.get("vis_backends") or []
    backends = [backends] if isinstance(backends, dict) else backends
    if not isinstance(backends, list):
        raise UserError(f"{where}: visualizer.vis_backends is a list: [dict(type=NAME, ...)]")
    for number, backend in enumerate(backends):
        check_registered(f"{where}: visualizer.vis_backends[{number}]", backend, VISBACKENDS)
        _check_installed(backend["type"], f"{where}: visualizer")


def _check_installed(backend: str, where: str) -> None:
    for name, kind in BACKENDS.items():
        if backend.rpartition(".")[2] == kind and name != "local" and find_spec(name) is None:
            raise UserError(f'{where}: {name} is not installed here: pip install "hashbench[{name}]"')


def build_visualizer(config: Mapping[str, Any] | None, name: str, folder: Path, spec: RunSpec) -> Visualizer:
    """The visualizer of a run.

    Args:
        config: as mmengine writes it; None: nothing is drawn.
        name: of the run, unique in the process.
        folder: where back ends write if the config names no `save_dir`.
        spec: the run.

    Raises:
        UserError: a visualizer or back end that refuses its options.
    """
    if config is None:
        return DrawNothing(name)
    options = {"name": name, **copy.deepcopy(dict(config)), "_scope_": SCOPE}
    backends = options.get("vis_backends") or []
    options["vis_backends"] = [backends] if isinstance(backends, dict) else backends
    for backend in options["vis_backends"]:
        backend.setdefault("save_dir", str(folder))
        if backend["type"] == BACKENDS["wandb"]:
            # One run of W&B for one run of ours, which a resumed run goes on with.
            known = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
            title = f"{spec.method}-{spec.bits}bit-seed{spec.seed}"
            defaults = {"project": "hashbench", "name": title, "id": known, "resume": "allow"}
            backend["init_kwargs"] = defaults | (backend.get("init_kwargs") or {})
    try:
        return VISUALIZERS.build(options)
    except Exception as error:  # a back end is a third party's and may fail in any way
        raise UserError(f"visualizer: {' '.join(str(error).split())}") from error


class CurvesHook(Hook):
    """Writes every epoch to the runner's visualizer once: `train/loss`, `train/lr`, `val/map`, `method/lagrangian`, ...

    What has been written is noted, so a resumed run, which repeats the epochs after its checkpoint,
    writes none of them again; and one that is given a visualizer late writes the epochs before, too.

    Args:
        folder: where it is noted.
    """

    priority = "BELOW_NORMAL"  # after selection and custom hooks, before the schedules take their step

    def __init__(self, folder: Path) -> None:
        self.note = folder / "epochs_written.txt"
        self.written = 0
        self._rates: dict[int, dict[str, float]] = {}

    def before_train(self, runner: Any) -> None:
        """See what was written before."""
        if runner.asked_to_resume and is_file(self.note):
            self.written = int(self.note.read_text(encoding="utf-8"))
        self._write(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Note the rates of the epoch, before a schedule changes them."""
        groups = getattr(runner.optim_wrapper, "param_groups", [])
        if len(groups) > 1:  # the record has that of the last group, the head's
            self._rates[len(runner.state.history)] = {"train/lr_backbone": groups[0]["lr"]}

    def after_epoch_saved(self, runner: Any) -> None:
        """The epoch is validated and saved."""
        self._write(runner)

    def after_train(self, runner: Any) -> None:
        """A shallow method's single epoch."""
        self._write(runner)

    def after_run(self, runner: Any) -> None:
        """Nothing more comes."""
        if is_main_process():
            runner.visualizer.close()

    def _write(self, runner: Any) -> None:
        if not is_main_process() or len(runner.state.history) <= self.written:
            return
        for record in runner.state.history[self.written :]:
            values = {
                f"{section}/{name}": value
                for section, part in sections(record).items()
                for name, value in part.items()
                if isinstance(value, int | float)
            }
            epoch = record["epoch"]
            runner.visualizer.add_scalars(values | self._rates.pop(epoch, {}), step=epoch)
        flush(runner.visualizer)
        self.written = len(runner.state.history)
        with write_errors_explained(self.note):
            self.note.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.note, durable=False) as file:
                file.write(str(self.written).encode())
