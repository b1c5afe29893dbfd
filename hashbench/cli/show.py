"""`hashbench show NAME`: what a name of the catalogue is, without importing what is behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import AsJson, Imports, Plugins
from hashbench.cli.say import put

if TYPE_CHECKING:
    from hashbench.catalog import Catalog, MethodEntry


def show(
    name: Annotated[str, typer.Argument(help="A method, a data set, an optimizer, ...: see `hashbench list`.")],
    plugin: Plugins = None,
    import_: Imports = None,
    as_json: AsJson = False,
) -> None:
    """Show what a name is: source, defaults, presets, known deviations, published numbers."""
    from hashbench.catalog import SECTIONS, load_catalog
    from hashbench.errors import UserError, did_you_mean, shown

    catalog = load_catalog(plugin or (), imports=import_ or ())
    sections = [s for s in SECTIONS if name in catalog.section(s)]
    if not sections:
        known = [n for s in SECTIONS for n in catalog.section(s)]
        raise UserError(f"nothing is named {shown(name)}. {did_you_mean(name, known, 'hashbench list')}")
    if as_json:
        content = {s: catalog.section(s)[name].model_dump(mode="json", by_alias=True) for s in sections}
        for s in sections:
            if s != "protocols":
                content[s]["defaults"] = catalog.defaults(s, name)
        put(json.dumps(content, indent=1))
        return
    for number, section in enumerate(sections):
        if number:
            put("")
        _show(catalog, section, name)


def _show(catalog: Catalog, section: str, name: str) -> None:
    entry = catalog.section(section)[name]
    put(f"{name} ({section[:-1]}): {entry.title}")
    put(f"  from       {catalog.sources[section, name]}")
    if section == "methods":
        _show_method(name, entry, catalog.defaults(section, name))
        return
    facts = entry.model_dump(mode="json", by_alias=True, exclude={"title", "hparams"})
    if section == "protocols":
        facts |= {"optimizer": entry.optimizer or "the methods' own", "rates": entry.rates}
    if section != "protocols":
        facts["defaults"] = catalog.defaults(section, name)
    for key, value in facts.items():
        put(f"  {key:<16} {_text(value)}")


def _show_method(name: str, entry: MethodEntry, defaults: dict[str, Any]) -> None:
    from hashbench.results.published import published

    put(f"  class      {entry.class_path} ({entry.kind})")
    if entry.paper:
        facts = [entry.paper.title, entry.paper.venue, entry.paper.url, f"[{entry.paper.key}]"]
        put(f"  paper      {', '.join(fact for fact in facts if fact)}")
    put(f"  defaults   {_text(defaults)}")
    if entry.kind == "deep" and entry.optimizer:
        put(f"  optimizer  its own: {_text(entry.optimizer)}")
        put(f"  schedule   its own: {_text(entry.schedule or {'type': 'constant'})}")
    elif entry.kind == "deep":
        put("  optimizer  the protocol's, with its schedule: hashbench show PROTOCOL")
    else:
        put("  fitted on  the protocol's inputs, or a frozen backbone's features: --protocol cifar10-dualhash-frozen")
    if entry.optimizers:
        put(f"  trained by {' or '.join(entry.optimizers)} only")
    if entry.search:
        put(f"  search     {_text(entry.search)}")
    for preset, changes in entry.presets.items():
        put(f"  --preset {preset}: {entry.preset_notes.get(preset, '')}")
        put(f"             {_text(changes)}")
    for deviation in entry.deviations:
        put(f"  deviation  {deviation}")
    rows = published(name)
    if rows:
        put("  published  (printed in the papers; their protocols, not ours)")
    groups: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.paper, row.table, row.dataset, row.metric, row.backbone, row.method), []).append(row)
    for (paper, table, dataset, metric, backbone, printed), numbers in groups.items():
        values = ", ".join(f"{number.value:.4g} at {number.bits}" for number in numbers)
        label = "" if printed == name else f" as {printed}"
        put(f"             {paper} table {table}, {dataset} {metric}, {backbone}{label}: {values} bits")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)
