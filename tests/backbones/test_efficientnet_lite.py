"""EfficientNet-Lite under both families of names."""

import pytest
import timm
import torch
from torch import nn

from hashbench.backbones.efficientnet_lite import EfficientNetLite
from hashbench.backbones.weights import fit_state
from hashbench.errors import UserError

VERSIONS = [0, 2]


def other_names(version: int) -> dict[str, str]:
    """timm's name of each layer -> the other family's, read off timm's network by the order in which data pass."""
    model = timm.create_model(f"tf_efficientnet_lite{version}")
    names = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    number = 0
    for s, stage in enumerate(model.blocks):
        for b, block in enumerate(stage):
            layers = [name for name, part in block.named_children() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
            theirs = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"][-len(layers) :]
            names |= {f"blocks.{s}.{b}.{x}": f"_blocks.{number}.{y}" for x, y in zip(layers, theirs, strict=True)}
            number += 1
    return names


def drawn(version: int) -> nn.Module:
    """timm's network with classifier, weights and statistics at random."""
    torch.manual_seed(version)
    model = timm.create_model(f"tf_efficientnet_lite{version}")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean, module.running_var):
                value.data.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("version", VERSIONS)
def test_both_families_of_names_give_the_same_network(version):
    """Every tensor has a place of its own, and the order of the file does not matter."""
    theirs = drawn(version)
    names = other_names(version)
    state = theirs.state_dict()
    renamed = {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": state[name] for name in reversed(state)}
    assert len(renamed) == len(state)
    assert not renamed.keys() & state.keys()

    backbone = EfficientNetLite(version)
    report = fit_state(backbone, renamed, "renamed")
    assert report.unexpected == ("classifier.bias", "classifier.weight")
    assert report.missing == ()
    images = torch.rand(2, 3, 32, 32)
    theirs.reset_classifier(0)
    assert backbone(images).shape == (2, backbone.out_features)
    fit_state(backbone, state, "timm's names")
    torch.testing.assert_close(backbone.eval()(images), theirs.eval()(images))
    assert report.checksum == fit_state(EfficientNetLite(version), state, "timm's names").checksum


def test_weights_of_another_version_and_names_of_nobody_are_refused():
    state = drawn(2).state_dict()
    with pytest.raises(UserError, match="of another architecture than EfficientNetLite"):
        fit_state(EfficientNetLite(0), state, "lite2")
    with pytest.raises(UserError, match=r"1 unexpected, first _blocks\.99\._bn1\.weight"):
        fit_state(EfficientNetLite(2), {**state, "_blocks.99._bn1.weight": torch.ones(3)}, "odd")


def test_an_unknown_version():
    with pytest.raises(UserError, match="timm has no model 'tf_efficientnet_lite9'"):
        EfficientNetLite(9)
