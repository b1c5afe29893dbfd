"""The studies that are shipped with our methods: they are of protocols as they are, and what they found can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.catalog.shipped import shipped_studies
from hashbench.tuning.study import load_study

CATALOG = load_catalog()
SHIPPED = [study for method in CATALOG.methods for study in shipped_studies(CATALOG, method)]


def test_there_are_some():
    assert {study.protocol for study in SHIPPED} == {"cifar10-dualhash-frozen"}


@pytest.mark.parametrize("study", SHIPPED, ids=lambda study: f"{study.method}-{study.bits}")
def test_a_shipped_study_is_the_preset_tuned(study, tmp_path):
    assert study.path.name == f"{study.method}-{study.bits}bit.json"
    spec = resolve(CATALOG, method=study.method, protocol=study.protocol, preset="tuned", bits=study.bits, out=tmp_path)
    assert spec.trials == study.trials
    assert spec.preset.startswith(f"default+tuned{study.trials}")
    own = "method" if CATALOG.method(study.method).optimizer else "protocol"
    assert spec.recipe == ("search" if "optimizer.lr" in study.values else own)
    assert spec.settings.model_dump() == study.settings.model_dump()
    flat = spec.hparams | {f"optimizer.{name}": value for name, value in spec.optimizer.items()}
    assert {name: flat[name] for name in study.values} == study.values


@pytest.mark.parametrize("study", SHIPPED, ids=lambda study: f"{study.method}-{study.bits}")
def test_a_shipped_study_is_whole_and_names_no_folder(study):
    whole = load_study(study.path)
    assert whole.preset is None
    assert [trial.number for trial in whole.trials] == list(range(study.trials))
    assert whole.halving == (CATALOG.method(study.method).kind == "deep")
    weights = whole.run["weights"]
    assert weights is None or Path(weights).name == weights
    assert set(whole.content) == {"data", "split", "weights"}
