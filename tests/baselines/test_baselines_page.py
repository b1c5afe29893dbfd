"""docs/baselines.md names every baseline and every preset, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from hashbench.catalog import load_catalog

PAGE = Path(__file__).parents[2] / "docs" / "baselines.md"


def test_the_page_has_a_section_for_every_baseline_with_its_presets():
    catalog = load_catalog()
    ours = {n: entry for n, entry in catalog.methods.items() if catalog.sources["methods", n].name == "baselines"}
    found: dict[str, set[str]] = {}
    for section in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        for name in re.findall(r"`(\w+)`", heading):
            found[name] = set(re.findall(r"^- `--preset ([\w-]+)`", body, flags=re.MULTILINE))
    assert found == {name: set(entry.presets) for name, entry in ours.items()}
