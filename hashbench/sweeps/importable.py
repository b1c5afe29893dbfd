"""Whether other processes can know what the runs of a sweep name: classes of a notebook are in no file."""

from __future__ import annotations

from collections.abc import Iterable

from hashbench.catalog.registered import Registered, registered
from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.sweeps.executors import Executor


def check_importable(specs: Iterable[RunSpec], executor: Executor) -> None:
    """Refuse runs whose classes the executor's processes cannot import.

    Raises:
        UserError: the first of them, and what to do.
    """
    if executor.in_this_process:
        return
    for spec in specs:
        if one := without_file(spec):
            raise UserError(
                f"{one.section[:-1]} {one.name!r} is defined in a notebook or an interactive session, which no other "
                'process can import: put it in a file and give imports=["FILE.py"], or use executor="inline"'
            )


def without_file(spec: RunSpec) -> Registered | None:
    """What a run is built of and was decorated in a notebook or an interactive session, if anything was."""
    here = {(one.section, one.name): one for one in registered() if one.file is None}
    return next((here[used] for used in _names(spec, here.values()) if used in here), None) if here else None


def _names(spec: RunSpec, metrics: Iterable[Registered]) -> list[tuple[str, str]]:
    """(section, name) of all that a run is built of; every metric is computed in every run."""
    return [
        ("methods", spec.method),
        ("datasets", spec.settings.dataset),
        ("backbones", spec.settings.backbone),
        ("optimizers", str(spec.optimizer.get("type"))),
        ("schedules", str(spec.schedule.get("type"))),
        *((one.section, one.name) for one in metrics if one.section == "metrics"),
    ]
