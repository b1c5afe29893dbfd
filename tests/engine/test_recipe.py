"""Whose optimizer and schedule a method is trained by."""

from __future__ import annotations

import pytest

from hashbench.catalog import ProtocolEntry, load_catalog
from hashbench.catalog.request import resolve
from hashbench.catalog.schema import unversioned
from hashbench.catalog.yaml_file import read_catalog_file
from hashbench.engine.config import spec_of, spec_of_config
from hashbench.errors import UserError
from hashbench.protocol import fingerprint, fingerprint_of

FROZEN = "cifar10-dualhash-frozen"
OWN = """
methods:
  loss:
    class: toy_methods:Toy
    kind: deep
    title: a loss
    presets:
      paper: {alpha: 2.0, optimizer.type: SGD, optimizer.lr: 0.1, optimizer.momentum: 0.9, schedule.type: step}
      slow: {optimizer.lr: 0.0001}
      strong: {alpha: 2.0}
  way:
    class: toy_methods:Toy
    kind: deep
    title: a way to train
    optimizer: {type: StoM, lr: 0.5}
    optimizers: [StoM, SGD]
protocols:
  theirs:
    version: 1
    dataset: digits
    split: {fractions: {test: 0.2, validation: 0.1}}
    backbone: small_conv
    epochs: 1
    batch_size: 64
    optimizer: null
"""


@pytest.fixture
def spec(plugin, tmp_path):
    (tmp_path / "hashbench.yaml").write_text(OWN)
    catalog = load_catalog([plugin], folder=tmp_path)
    return lambda method="loss", **words: resolve(catalog, **{"method": method, "out": tmp_path, **words})


def test_a_loss_is_trained_by_the_protocols_optimizer(spec):
    protocol = load_catalog().protocol(FROZEN)
    found = spec(protocol=FROZEN)
    assert (found.optimizer, found.schedule, found.recipe) == (protocol.optimizer, protocol.schedule, "protocol")
    assert (protocol.optimizer["type"], protocol.schedule) == ("Adam", {"type": "cosine"})
    assert spec(protocol=FROZEN, preset="strong").recipe == "protocol"


def test_a_method_that_is_an_optimizer_keeps_its_own_at_a_constant_rate(spec):
    found = spec("way", protocol=FROZEN)
    assert (found.optimizer, found.schedule) == ({"type": "StoM", "lr": 0.5}, {"type": "constant"})
    assert found.recipe == "method"


def test_a_preset_with_an_optimizer_says_all_of_it(spec):
    found = spec(preset="paper")
    assert found.optimizer == {"type": "SGD", "lr": 0.1, "momentum": 0.9}
    assert (found.schedule, found.recipe) == ({"type": "step"}, "preset")
    slow = spec(preset="slow")
    assert (slow.optimizer, slow.recipe) == ({"type": "Adam", "lr": 0.0001}, "preset")


def test_set_of_the_methods_option_is_no_change_of_the_protocol(spec):
    by_hand = spec(sets=["optimizer.lr=0.01"])
    assert (by_hand.optimizer["lr"], by_hand.recipe, by_hand.overridden) == (0.01, "set", False)
    assert by_hand.preset.startswith("default+")
    for_all = spec(sets=["protocol.optimizer={type: SGD, lr: 0.1}"])
    assert (for_all.optimizer, for_all.recipe) == ({"type": "SGD", "lr": 0.1}, "protocol")
    assert (for_all.preset, for_all.overridden) == ("default", True)


def test_an_optimizer_that_is_not_the_method_any_more_is_refused(spec):
    assert spec("way", sets=["optimizer.type=SGD"]).optimizer["type"] == "SGD"
    with pytest.raises(UserError) as refused:
        spec("way", sets=["optimizer.type=Adam"])
    assert str(refused.value) == (
        "optimizer.type: method way is trained by StoM or SGD only, and this run names 'Adam': "
        "--set optimizer.type=StoM, or another method"
    )


def test_under_a_protocol_without_one_each_method_has_its_own(spec):
    assert spec("way", protocol="theirs").optimizer == {"type": "StoM", "lr": 0.5}
    found = spec(protocol="theirs")
    assert (found.optimizer["type"], found.schedule, found.recipe) == ("SGD", {"type": "cosine"}, "method")


def test_a_fitted_method_has_no_recipe(spec):
    found = spec("lsh")
    assert (found.optimizer, found.schedule, found.recipe) == ({}, {}, "")


def test_version_2_is_described_as_the_results_of_its_time_are():
    """The fields that protocols have since then are not in it, and its name is the one without the version."""
    catalog = load_catalog()
    old, new = catalog.protocol(f"{FROZEN}@2"), catalog.protocol(FROZEN)
    assert (old.version, new.version) == (2, 3)
    assert not {"optimizer", "schedule", "rates", "standardize"} & set(old.model_dump())
    assert {"optimizer", "schedule"} <= set(new.model_dump())
    assert (old.hidden, old.epochs, old.validate_every) == ([512], 20, 4)
    facts = {"data_checksum": "d", "split_checksum": "s", "weights_checksum": "w", "transform": {"size": 96}}
    assert fingerprint(old, name=unversioned(f"{FROZEN}@2"), **facts) == "6013caf1d3e2cd5a"  # as hashbench of then says


def test_an_entry_comes_back_from_its_dump_whatever_the_version():
    catalog = load_catalog()
    for name in (FROZEN, f"{FROZEN}@2", "digits"):
        entry = catalog.protocol(name)
        back = ProtocolEntry.from_dump(entry.model_dump())
        assert back.model_dump() == entry.model_dump()
        assert (back.optimizer, back.schedule) == (entry.optimizer, entry.schedule)


def test_a_config_from_before_protocols_had_optimizers_is_the_run_that_it_was(spec, tmp_path):
    catalog = load_catalog()
    old = resolve(catalog, method="dsh", protocol=f"{FROZEN}@2", preset="frozen-v2", out=tmp_path)
    run = old.identity() | {"protocol": FROZEN, "preset": "default"}
    again = spec_of_config({"run": run}, catalog, out=tmp_path)
    assert again.settings.model_dump() == old.settings.model_dump()
    assert (again.optimizer, again.schedule, again.hparams) == (old.optimizer, old.schedule, old.hparams)
    assert spec_of(old.identity(), out=tmp_path).identity() == old.identity()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("{type: StoM, lr: 0.5}\n    optimizers: [SGD]", "its own optimizer StoM is not among SGD"),
        ("{lr: 0.5}", "the type of the optimizer is a name"),
        ("{type: StoM}", "an optimizer needs both: {type: ..., lr: ...}"),
        ("{}\n    schedule: {type: step}", "a schedule without an optimizer"),
    ],
)
def test_an_entry_that_says_half_is_refused(tmp_path, change, reason):
    text = "methods:\n  m:\n    class: a:B\n    kind: deep\n    optimizer: " + change + "\n"
    (tmp_path / "registry.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        read_catalog_file(tmp_path / "registry.yaml")
    assert reason in str(refused.value)


def test_a_fitted_method_with_an_optimizer_is_refused(tmp_path):
    (tmp_path / "registry.yaml").write_text(
        "methods:\n  m: {class: 'a:B', kind: shallow, optimizer: {type: SGD, lr: 1}}\n"
    )
    with pytest.raises(UserError, match="a shallow method is fitted"):
        read_catalog_file(tmp_path / "registry.yaml")


@pytest.mark.parametrize(
    ("name", "optimizer", "reason"),
    [
        ("p@3", "{type: Adam, lr: 0.1}", "'p@3' has version 1: call it p@1"),
        ("p", "{type: Adam}", "an optimizer needs both"),
        ("p", "null\n    schedule: {type: step}", "give both, or null for both"),
    ],
)
def test_a_protocol_that_says_half_is_refused(tmp_path, name, optimizer, reason):
    text = OWN[OWN.index("protocols:") :].replace("theirs", f'"{name}"').replace("null", optimizer)
    (tmp_path / "registry.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        read_catalog_file(tmp_path / "registry.yaml")
    assert reason in str(refused.value)


def test_the_rates_of_a_search_are_no_part_of_what_methods_share():
    entry = load_catalog().protocol(FROZEN)
    facts = entry.model_copy(update={"rates": [1.0]}).model_dump()
    assert fingerprint_of(facts) == fingerprint_of(entry.model_dump())
