"""Runs of the harness that take a second: what the tests of several files of this folder share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hashbench.catalog import Catalog, load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.run import Outcome, run


@cache
def catalog() -> Catalog:
    """What `hashbench list` shows."""
    return load_catalog()


def run_on(out: Path, method: str, *, protocol: str = "features", resume: bool = False, **request: Any) -> Outcome:
    """One run on the CPU, as `hashbench run` does it; two epochs where the request does not say."""
    options: dict[str, Any] = {"bits": 8, "changes": {"epochs": 2}, "device": "cpu"} | request
    return run(
        resolve(catalog(), method=method, protocol=protocol, out=out / "runs", **options), catalog(), resume=resume
    )
