"""From the command line's words to a RunSpec."""

from __future__ import annotations

import pytest

from hashbench.catalog.request import resolve
from hashbench.errors import UserError


@pytest.fixture
def spec(catalog, tmp_path):
    return lambda **words: resolve(catalog, **{"method": "toy", "out": tmp_path, **words})


def test_order_is_defaults_then_preset_then_set(spec):
    assert spec().hparams["alpha"] == 1.0
    assert spec(preset="strong").hparams["alpha"] == 2.0
    both = spec(preset="strong", sets=["alpha=5e-1", "optimizer.lr=0.3"])
    assert both.hparams["alpha"] == 0.5
    assert both.optimizer["lr"] == 0.3
    assert both.preset.startswith("strong+")


def test_label_of_sets_does_not_depend_on_their_order(spec):
    assert spec(sets=["alpha=2", "kill_at=3"]).preset == spec(sets=["kill_at=3", "alpha=2"]).preset


def test_another_optimizer_says_which_options_it_drops(spec):
    swapped = spec(sets=["optimizer.type=Adam"])
    assert swapped.optimizer == {"type": "Adam", "lr": 0.05}
    assert swapped.notes == ("optimizer.type=Adam: momentum=0.9 of SGD dropped",)
    assert "notes" not in swapped.identity()
    assert (
        spec(sets=["optimizer.type=StoM", "optimizer.momentum=0.5"]).notes == ()
    )  # it was given anew: the build says no
    assert spec(sets=["optimizer.type=SGD"]).notes == ()
    assert spec().notes == ()


def test_of_another_optimizer_only_the_rates_are_kept(spec):
    swapped = spec(method="dsh", preset="paper", sets=["optimizer.type=StoM"])
    assert swapped.optimizer == {"type": "StoM", "lr": 0.0005, "head_lr_mult": 1.0}
    assert swapped.notes == (
        "optimizer.type=StoM: momentum=0.9, nesterov=False, weight_decay=0.008 of SGD dropped",
    )  # the decay that is right for one is none for another: Adam's is scaled by its steps
    of_protocol = spec(method="dsh", sets=["optimizer.type=Rprop"])
    assert (of_protocol.optimizer, of_protocol.notes) == ({"type": "Rprop", "lr": 0.01}, ())


def test_options_of_the_new_optimizer_are_checked(spec):
    assert spec(sets=["optimizer.type=StoRM", "optimizer.a=0.2"]).optimizer["a"] == 0.2
    with pytest.raises(UserError, match=r"optimizer.a=much: expected a number, such as 0.05"):
        spec(sets=["optimizer.type=StoRM", "optimizer.a=much"])
    with pytest.raises(UserError, match=r"optimizer.betas=1: expected a list"):
        spec(sets=["optimizer.type=Adam", "optimizer.betas=1"])


def test_another_schedule_says_what_it_drops(spec):
    spec_ = spec(method="dualhash_stom", preset="paper", sets=["schedule.type=cosine"])
    assert spec_.schedule == {"type": "cosine"}
    assert spec_.notes == ("schedule.type=cosine: steps=10, gamma=0.5 of step dropped",)


def test_null_default_and_presets_widen_what_a_value_may_be(spec):
    assert spec(method="dualhash_stom", sets=["alpha=0.5"]).hparams["alpha"] == 0.5
    assert spec(method="dualhash_stom", sets=["alpha="]).hparams["alpha"] is None
    assert spec(method="sdh", sets=["sigma=0.5"]).hparams["sigma"] == 0.5
    with pytest.raises(UserError, match="expected a number"):
        spec(method="dualhash_stom", sets=["alpha=much"])


def test_protocol_is_marked_when_anything_in_it_changes(spec):
    assert not spec().overridden
    assert not spec(changes={"epochs": 20}).overridden
    assert spec(changes={"epochs": 21}).overridden
    assert spec(sets=["protocol.hidden=[8]"]).settings.hidden == [8]
    assert spec(sets=["protocol.hidden=[8]"]).overridden


def test_a_data_set_of_features_brings_the_identity(spec):
    settings = spec(dataset="gist_cifar10", protocol="cifar10-dualhash-frozen").settings
    assert (settings.backbone, settings.pretrained, settings.frozen) == ("identity", False, False)
    assert spec(dataset="cifar10").settings.backbone == "small_conv"
    assert spec(dataset="gist_cifar10", backbone="resnet18").settings.backbone == "resnet18"  # the build says no


def test_frozen_backbone_means_no_augmentation(spec):
    assert spec(protocol="cifar10-dualhash", changes={"frozen": True}).settings.augment == "none"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"method": "tooy"}, "Did you mean toy"),
        ({"protocol": "digts"}, "Did you mean digits"),
        ({"backbone": "resnet19"}, "Did you mean resnet18"),
        ({"dataset": "cifar"}, "Did you mean cifar10"),
        ({"preset": "stronk"}, "Did you mean strong"),
        ({"bits": 0}, "from 1 to 4096"),
        ({"bits": 3.5}, "from 1 to 4096"),
        ({"seed": -1}, "from 0 to"),
        ({"sets": ["alpah=1"]}, "Did you mean alpha"),
        ({"sets": ["alpha"]}, "expected key=value"),
        ({"sets": ["alpha=[1"]}, "not valid YAML"),
        ({"sets": ["alpha=abc"]}, "alpha=abc: expected a number, such as 1.0; this is a word"),
        ({"sets": ["alpha="]}, "alpha=: expected a number, such as 1.0; this is null"),
        ({"sets": ["alpha=true"]}, "alpha=true: expected a number, such as 1.0; this is true or false"),
        ({"sets": ["alpha=[1, 2]"]}, "this is a list"),
        ({"sets": ["alpha={a: 1}"]}, "this is a mapping"),
        ({"sets": ["alpha=nan"]}, "expected a finite number"),
        ({"sets": ["alpha=.inf"]}, "expected a finite number"),
        ({"sets": ["alpha=2026-11-27"]}, "expected a finite number"),
        ({"sets": ["optimizer.lr=fast"]}, "optimizer.lr=fast: expected a number, such as 0.05"),
        ({"sets": ["optimizer.type=3"]}, "expected a name"),
        ({"sets": ["schedule.type=3"]}, "expected a name"),
        ({"backbone": "squeezenet1_0", "sets": ["backbone.version=1_0"]}, "expected a word, such as 1_0"),
        ({"method": "toy_shallow", "sets": ["optimizer.lr=1"]}, "toy_shallow is fitted, without optimizer"),
        ({"method": "toy_shallow", "sets": ["schedule.type=step"]}, "toy_shallow is fitted, without optimizer"),
        ({"sets": ["protocol.epoch=3"]}, "Did you mean epochs"),
        ({"device": "gpu"}, "--device gpu: no such device; use auto, cpu, cuda"),
        ({"device": "cpu:3"}, "--device cpu:3: no such device; use auto, cpu, cuda"),
        ({"changes": {"epochs": 0}}, "epochs"),
        ({"changes": {"precision": "fp8"}}, "precision"),
    ],
)
def test_wrong_words_are_refused_in_one_line(spec, words, match):
    with pytest.raises(UserError, match=match) as caught:
        spec(**words)
    assert "\n" not in str(caught.value)
