"""A budget's runs, and that whatever differs from the paper's protocol is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.errors import UserError
from hashbench.reproduce.plan import make_plan
from hashbench.reproduce.planner import Choices

CIFAR = Choices(roots={"cifar10": Path("data")}, weights=Path("w.pth"))


def fields(part):
    return {difference.field for difference in part.differs}


def test_smoke_needs_nothing_and_names_all_that_it_reduces(catalog):
    plan = make_plan("table2", "smoke", catalog, Choices())
    assert {(spec.protocol, spec.bits, spec.seed) for spec in plan.runs} == {("digits", 16, 0)}
    assert all(spec.data_root is None for spec in plan.runs)
    assert {"protocol", "dataset", "split", "backbone", "epochs", "settings"} <= fields(plan.parts[-1])
    text = "\n".join(plan.reduced)
    assert "bits: 16 instead of 16, 32, 48, 64" in text
    assert "seeds: 1 instead of 10" in text
    assert "backbone small_conv instead of alexnet_bn" in text
    assert "nuswide21-alexnet: left out" in text


def test_cpu_has_all_bits_and_frozen_features(catalog):
    plan = make_plan("table2", "cpu", catalog, CIFAR)
    deep = plan.parts[-1]
    assert {spec.bits for spec in deep.runs} == {16, 32, 48, 64}
    assert {spec.seed for spec in deep.runs} == {0, 1, 2}
    assert {spec.protocol for spec in deep.runs} == {"cifar10-dualhash-frozen"}
    assert {spec.preset for spec in deep.runs} == {"default"}
    assert {"backbone", "frozen", "epochs"} <= fields(deep)
    assert not {"dataset", "split"} & fields(deep)


def test_features_have_the_root_of_their_images_and_no_weights(catalog):
    gist = make_plan("table2", "cpu", catalog, CIFAR).parts[0]
    assert {(spec.settings.dataset, spec.data_root, spec.weights) for spec in gist.runs} == {
        ("gist_cifar10", Path("data"), None)
    }
    assert gist.differs == ()


def test_full_uses_the_authors_settings_and_reduces_nothing(catalog):
    plan = make_plan("table3", "full", catalog, Choices(roots={"cifar10": Path("data")}))
    cifar = plan.parts[0]
    assert cifar.differs == ()
    assert len({spec.seed for spec in cifar.runs}) == 10
    assert {spec.preset for spec in cifar.runs if spec.method == "dualhash_stom"} == {"release"}
    assert {spec.settings.epochs for spec in cifar.runs} == {300}
    assert [line.partition(":")[0] for line in plan.reduced] == ["nuswide21-resnet50"]


def test_a_choice_is_a_reduction_too(catalog):
    choices = Choices(roots={"": Path("data")}, epochs=3, methods=["dsh"], seeds=[5])
    plan = make_plan("table3", "full", catalog, choices)
    assert fields(plan.parts[0]) == {"epochs"}
    assert "methods left out: orthohash, mdshc, dualhash_stom" in plan.reduced
    assert {spec.seed for spec in plan.runs} == {5}


def test_a_table_without_cifar10_has_a_stand_in(catalog):
    plan = make_plan("table4", "smoke", catalog, Choices())
    assert [part.setup.dataset for part in plan.parts] == ["imagenet100"]
    assert "dataset" in fields(plan.parts[0]) or "protocol" in fields(plan.parts[0])


def test_metrics_at_a_cut_off_are_measured(catalog):
    for spec in make_plan("linf-table3", "smoke", catalog, Choices()).runs:
        assert {10, 5000} <= set(spec.settings.topk)


def test_a_grid_is_every_combination_and_at_smoke_its_corners(catalog):
    plan = make_plan("fig9", "smoke", catalog, Choices())
    settings = {(spec.hparams["lam"], spec.hparams["sigma"]) for spec in plan.runs}
    assert settings == {(0.0125, 0.00025), (0.0125, 0.002), (0.2, 0.00025), (0.2, 0.002)}
    assert len(make_plan("fig9", "cpu", catalog, CIFAR).runs) == 24  # 3 x 4 settings, 2 code lengths, 1 seed


def test_runs_that_parts_share_are_done_once(catalog):
    plan = make_plan("table7", "smoke", catalog, Choices())
    assert len(plan.runs) == 4


@pytest.mark.parametrize(
    ("name", "budget", "choices", "words"),
    [
        ("table2", "cpu", Choices(), ["--data-root cifar10=PATH", "--weights FILE", "mobilenetv2_tf"]),
        ("table2", "cpu", Choices(methods=["dsh"], weights=Path("w")), ["needs --data-root cifar10=PATH$"]),
        ("linf-table3", "full", Choices(), ["--data-root features=PATH"]),
        ("table2", "smoke", Choices(methods=["dhs"]), ["--methods dhs", "Did you mean"]),
        ("table99", "smoke", Choices(), ["no table or figure named 'table99'"]),
    ],
)
def test_a_request_that_cannot_be_done_says_what_to_give(catalog, name, budget, choices, words):
    for word in words:
        with pytest.raises(UserError, match=word):
            make_plan(name, budget, catalog, choices)
