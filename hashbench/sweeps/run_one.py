"""What an executor does with one run of a sweep: begin it or go on with it, and say in a few words how it ended."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Literal

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.sweeps.failure import no_room, reason


@dataclass(frozen=True)
class Finished:
    """One run of a sweep that is over.

    Attributes:
        state: `done`; `found` finished, by another process meanwhile; `held` by another process; `refused`, which
            trying again does not change; `crashed`; `no room` on the disk.
        map: test mAP; NaN where there is none.
        seconds: that it took.
        failure: why there is no result; None where there is one.
    """

    spec: RunSpec
    state: Literal["done", "found", "held", "refused", "crashed", "no room"]
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
    from hashbench.results.claim import FolderInUseError

    raising, logging.raiseExceptions = logging.raiseExceptions, False  # a full disk: the run says so, not its log
    started = time.perf_counter()
    try:
        outcome = run(spec, load_catalog(spec.plugins, imports=spec.imports), resume=None)
    except FolderInUseError as error:
        return Finished(spec, "held", failure=str(error))
    except UserError as error:
        return Finished(spec, "refused", failure=str(error))
    except Exception as error:
        return Finished(spec, "no room" if no_room(error) else "crashed", failure=reason(error))
    finally:
        logging.raiseExceptions = raising
    seconds = time.perf_counter() - started
    return Finished(spec, "done" if outcome.fresh else "found", outcome.record.metrics["map"], seconds)
