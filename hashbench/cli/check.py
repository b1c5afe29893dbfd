"""`hashbench check METHOD`: the conformance checks, one line each."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put


def check(
    method: Annotated[str, typer.Argument(help="A method; see `hashbench list methods`.")],
    plugin: Plugins = None,
    import_: Imports = None,
    as_json: AsJson = False,
) -> None:
    """Check that a method keeps the contract; exit 1 if a check fails."""
    from hashbench.catalog import load_catalog

    # A misspelt name is answered at once, before torch is imported.
    load_catalog(plugin or (), imports=import_ or ()).method(method)
    from hashbench.testing import run_checks

    results = []
    for result in run_checks(method, plugin or (), imports=import_ or ()):
        results.append(result)
        if not as_json:
            reason = f": {result.reason}" if result.reason else ""
            put(f"{result.outcome}  {result.check}{reason}")
    count = {outcome: sum(r.outcome == outcome for r in results) for outcome in ("pass", "skip", "fail")}
    if as_json:
        put(json.dumps({"method": method, **count, "checks": [r.to_plain() for r in results]}, indent=1))
    else:
        seconds = sum(result.seconds for result in results)
        words = f"{count['pass']} passed, {count['skip']} skipped, {count['fail']} failed"
        put(f"{method}: {words}, in {seconds:.1f} s")
    if count["fail"]:
        raise typer.Exit(1)
