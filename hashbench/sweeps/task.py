"""What a worker of a sweep does: one run, its end in a few plain words; or the shared features before all runs."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.crash import in_a_line
from hashbench.errors import RunFailedError, UserError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Finished:
    """One run of a sweep that is over.

    Attributes:
        state: `done`; `found` finished, by another process meanwhile; `in use` by another process; `refused`, which
            trying again does not change; `crashed`; `no room` on the disk.
        map: test mAP; NaN where there is none.
        seconds: that it took.
        failure: why there is no result; None where there is one.
    """

    spec: RunSpec
    state: Literal["done", "found", "in use", "refused", "crashed", "no room"]
    map: float = float("nan")
    seconds: float = 0.0
    failure: str | None = None

    def __str__(self) -> str:
        spec = self.spec
        preset = "" if spec.preset == "default" else f"@{spec.preset}"
        name = f"{spec.protocol} {spec.method}{preset} {spec.bits} bits seed {spec.seed}"
        return (
            f"{name}: failed: {self.failure}" if self.failure else f"{name}: map {self.map:.4f}, {self.seconds:.1f} s"
        )


def do_run(spec: RunSpec) -> Finished:
    """Begin a run or go on with it. Never raises: a failure is an answer too; its traceback is in the run's log.txt."""
    from hashbench.engine.run import run
    from hashbench.results.folder import FolderInUseError

    logging.raiseExceptions = False  # a log on a full disk is no news; the run itself says so
    started = time.perf_counter()
    try:
        outcome = run(spec, load_catalog(spec.plugins, imports=spec.imports), resume=None)
    except FolderInUseError as error:
        return Finished(spec, "in use", failure=str(error))
    except UserError as error:
        return Finished(spec, "refused", failure=str(error))
    except Exception as error:
        return Finished(spec, "no room" if no_room(error) else "crashed", failure=reason(error))
    seconds = time.perf_counter() - started
    return Finished(spec, "done" if outcome.fresh else "found", outcome.record.metrics["map"], seconds)


def reason(error: Exception) -> str:
    """An error in one line; of an unexpected one also its kind."""
    return (str(error).splitlines() or [""])[0] if isinstance(error, RunFailedError) else in_a_line(error)


def no_room(error: BaseException | None) -> bool:
    """Whether an error comes from a disk that is full, or a quota or a limit on files that is reached."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return True
        error = error.__cause__
    return False


def sharing_features(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """One run of each group of two or more that read the same features of a frozen backbone."""
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        settings = spec.settings
        if not settings.frozen:
            continue
        shared = settings.model_dump(
            include={"dataset", "dataset_hparams", "split", "backbone", "backbone_hparams", "image_size", "precision"}
        )
        drawn = None if settings.pretrained or spec.weights else spec.seed  # weights from the run's own seed
        key = json.dumps([shared, str(spec.weights), str(spec.data_root), spec.device, drawn], sort_keys=True)
        groups.setdefault(key, []).append(spec)
    return [group[0] for group in groups.values() if len(group) > 1]


def compute_features(spec: RunSpec, threads: int | None) -> None:
    """Fill the cache of frozen features for all runs like this one, with the cores that stand idle until then.

    Args:
        threads: to compute with; None: as many as this process has.
    """
    import torch

    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads or before)
        prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    except Exception as error:
        # Each of the runs meets the same error and reports it; this was only to save them time.
        logging.getLogger("hashbench.sweep").info("features not computed ahead: %s", error)
    finally:
        torch.set_num_threads(before)
