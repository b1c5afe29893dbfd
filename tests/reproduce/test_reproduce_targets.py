"""targets.yaml: all names are of the catalogue, and every printed number of the tables is asked for."""

from __future__ import annotations

import pytest

from hashbench.errors import UserError
from hashbench.report.figures.kinds import KINDS
from hashbench.reproduce.planner import name_of
from hashbench.reproduce.targets import TargetsFile, find_target, targets_file
from hashbench.results.published import in_table

TABLES = {
    "table2": ("dualhash", "II"),
    "table3": ("dualhash", "III"),
    "table4": ("dualhash", "IV"),
    "table7": ("dualhash", "VII"),
    "linf-table2": ("deep_linf_encoder", "2"),
    "linf-table3": ("deep_linf_encoder", "3"),
}


@pytest.mark.parametrize("name", targets_file().targets)
def test_names_are_of_the_catalogue(name, catalog):
    target = find_target(name)
    for part in target.parts:
        setup = targets_file().setups[part.setup]
        for method in part.methods:
            base, _, preset = method.partition("@")
            entry = catalog.method(base)
            assert preset in ("", "default", *entry.presets)
            assert set(part.grid) <= set(catalog.defaults("methods", base))
        for stage in filter(None, (setup.smoke, setup.cpu, setup.full)):
            catalog.protocol(stage.protocol)
            for method, preset in stage.presets.items():
                assert preset in catalog.method(method).presets
    assert set(target.figures) <= set(KINDS)


@pytest.mark.parametrize("name", TABLES)
def test_every_number_that_a_table_prints_is_asked_for(name):
    target = find_target(name)
    cells = {
        (setup.dataset, metric, setup.backbone, name_of(method), bits)
        for part in target.parts
        for setup in [targets_file().setups[part.setup]]
        for metric in part.metrics
        for method in part.methods
        for bits in target.bits
    }
    printed = {(n.dataset, n.metric, n.backbone, n.method, n.bits) for n in in_table(*TABLES[name])}
    assert printed
    assert printed <= cells


def test_a_misspelt_table_is_told_its_name():
    with pytest.raises(UserError, match="Did you mean linf-table2"):
        find_target("linf-tabel2")


def test_a_setup_that_cannot_be_done_says_why():
    stage = {"protocol": "digits"}
    setup = {"dataset": "d", "backbone": "b", "cpu": stage, "smoke": stage}
    with pytest.raises(ValueError, match="missing"):
        TargetsFile.model_validate({"setups": {"s": setup}, "targets": {}})
    target = {"title": "t", "paper": "dualhash", "bits": [8], "seeds": 1}
    part = {"setup": "other", "methods": ["dsh"], "metrics": ["map"]}
    with pytest.raises(ValueError, match="no setup 'other'"):
        TargetsFile.model_validate({"setups": {}, "targets": {"t": {**target, "parts": [part]}}})
