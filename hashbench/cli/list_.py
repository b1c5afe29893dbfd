"""`hashbench list`: all that can be named, without importing any of it."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    from hashbench.catalog import Catalog

_FACTS = {
    "methods": ("kind",),
    "backbones": ("inputs",),
    "datasets": ("url",),
    "protocols": ("version", "dataset", "backbone"),
}
"""What --json says of an entry beside name and title."""


class Section(str, Enum):
    """The sections of the catalogue."""

    methods = "methods"
    backbones = "backbones"
    datasets = "datasets"
    protocols = "protocols"
    optimizers = "optimizers"
    schedules = "schedules"
    metrics = "metrics"
    executors = "executors"


def list_(
    section: Annotated[Optional[Section], typer.Argument(help="One section only.")] = None,  # noqa: UP045
    plugin: Plugins = None,
    import_: Imports = None,
    check: Annotated[
        bool, typer.Option("--check", help="Import every class too, and list what does not import.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List methods, backbones, data sets, protocols, optimizers, schedules, metrics and executors."""
    from hashbench.catalog import BrokenPlugin, load_catalog
    from hashbench.errors import UserError

    catalog = load_catalog(plugin or (), imports=import_ or ())
    sections = [section.value] if section else [s.value for s in Section]
    rows = {s: _rows(catalog, s) for s in sections}
    broken = list(catalog.broken)
    if check:
        for s in sections:
            for name in catalog.section(s) if s != "protocols" else ():
                try:
                    catalog.load_class(s, name)
                except UserError as error:
                    broken.append(BrokenPlugin(name, str(error)))
    if as_json:
        put(json.dumps({**rows, "broken": [{"name": b.name, "reason": b.reason} for b in broken]}, indent=1))
        return
    for s in sections:
        put(f"{s}:")
        width = max((len(r["name"]) for r in rows[s]), default=0)
        for r in rows[s]:
            origin = "" if r["plugin"] == "hashbench" else f"  [{r['plugin']}]"
            put(f"  {r['name']:<{width}}  {r['title']}{origin}")
    if broken:
        put("broken:")
        for b in broken:
            put(f"  {b.name}: {b.reason}")


def _rows(catalog: Catalog, section: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": entry.title,
            "plugin": catalog.sources[section, name].name,
            **{fact: getattr(entry, fact) for fact in _FACTS.get(section, ())},
        }
        for name, entry in catalog.section(section).items()
    ]
