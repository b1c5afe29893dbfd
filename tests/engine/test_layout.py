"""The memory layout of images and convolution weights: the one asked for, else the backbone's faster one."""

from dataclasses import replace

import pytest
import torch

from hashbench.catalog.request import resolve
from hashbench.engine.experiment import prepare
from hashbench.engine.reporter import Reporter


@pytest.fixture(params=[True, False], ids=["faster so", "slower so"])
def faster_so(request) -> bool:
    """Whether the backbone's entry says that channels-last is faster."""
    return request.param


@pytest.fixture
def is_channels_last(catalog, tmp_path, faster_so):
    """is_channels_last(**request) -> the layout of the built network, which its input has too."""
    entry = catalog.backbones["small_conv"].model_copy(update={"channels_last": faster_so})
    catalog = replace(catalog, backbones={**catalog.backbones, "small_conv": entry})

    def built(**request) -> bool:
        spec = resolve(catalog, method="toy", out=tmp_path / "runs", **request)
        experiment = prepare(spec, catalog, Reporter())
        weights = [value for value in experiment.learner.model.parameters() if value.dim() == 4 and value.shape[1] > 1]
        found = {value.is_contiguous(memory_format=torch.channels_last) for value in weights}
        assert found == {experiment.feed.transform.channels_last}
        return found.pop()

    return built


def test_the_backbone_s_by_default(is_channels_last, faster_so):
    assert is_channels_last() is is_channels_last(device="cpu") is faster_so


@pytest.mark.parametrize("asked", [True, False])
def test_as_asked_for(is_channels_last, asked):
    assert is_channels_last(channels_last=asked) is asked


@pytest.mark.parametrize(("asked", "compiled"), [(True, False), (True, True), (False, False)])
def test_layers_are_those_that_train_faster_on_a_cpu(catalog, tmp_path, asked, compiled):
    spec = resolve(
        catalog,
        method="toy",
        out=tmp_path,
        backbone="timm",
        sets=["backbone.name=test_efficientnet"],
        changes={"image_size": 32},
        channels_last=asked,
        compile=compiled,
        device="cpu",
    )
    layers = prepare(spec, catalog, Reporter()).learner.model.network.modules()
    assert any(type(layer).__module__.endswith("cpu_layers") for layer in layers) is (asked and not compiled)


def test_it_is_no_part_of_what_a_run_is(catalog, tmp_path):
    """Runs from before backbones chose it are found again."""
    by_itself, never = (
        resolve(catalog, method="toy", out=tmp_path, channels_last=asked).identity() for asked in (None, False)
    )
    assert by_itself == never
    assert never["channels_last"] is False
