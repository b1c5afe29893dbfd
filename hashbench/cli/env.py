"""`hashbench env`: what is recorded with every result, and where the cache is: for a bug report, before a long run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hashbench.cli.say import put


def env(json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False) -> None:
    """Show versions, processor, threads and GPUs, as they are recorded with a result; and the folder of the cache."""
    from hashbench.cache import cache_root
    from hashbench.results.environment import environment
    from hashbench.results.flat import flatten
    from hashbench.results.record import to_json

    found = {**environment(devices=True), "cache": str(cache_root())}
    if json:
        put(to_json(found).removesuffix("\n"))
        return
    flat = flatten(found)
    width = max(map(len, flat))
    for key, value in flat.items():
        put(f"{key:<{width}}  {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "–" if value is None else str(value)
