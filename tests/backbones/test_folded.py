"""Weights whose batch norms were folded away are used frozen and refused for training."""

import pytest
import torch

from hashbench.backbones.alexnet import AlexNet
from hashbench.backbones.build import build_backbone
from hashbench.backbones.small_conv import SmallConv
from hashbench.backbones.timm_model import TimmModel
from hashbench.errors import UserError

SMALL = {"widths": [4, 5], "out_features": 6}
NORMS = ("blocks.0.1", "blocks.1.1", "blocks.2.1")


def a_trained_state() -> dict[str, torch.Tensor]:
    """Of a small net that has seen some batches."""
    torch.manual_seed(0)
    net = SmallConv(3, (4, 5), 6)
    for _ in range(3):
        net(torch.rand(8, 3, 8, 8))
    return net.state_dict()


def fold(state, norms=NORMS, variance=1.0, weight=1.0):
    for norm in norms:
        state[f"{norm}.running_mean"].zero_()
        state[f"{norm}.running_var"].fill_(variance)
        state[f"{norm}.weight"].fill_(weight)
        state[f"{norm}.bias"].normal_()
    return state


def build(tmp_path, state, trained, suffix=""):
    torch.save({suffix + name: value for name, value in state.items()}, tmp_path / "w.pth")
    return build_backbone(SmallConv, in_shape=(3, 8, 8), hparams=SMALL, weights=tmp_path / "w.pth", trained=trained)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"variance": 1 - 1e-5},  # so that the root of variance + eps is 1
        {"variance": 1 - 1e-3},
        {"weight": 0.7},  # the statistics went into weight and bias
        {"norms": NORMS[:1]},  # a converter folds what follows a convolution and leaves the others
    ],
    ids=str,
)
def test_folded_batch_norms_are_refused_for_training_in_one_line(tmp_path, how):
    state = fold(a_trained_state(), **how)
    with pytest.raises(UserError) as caught:
        build(tmp_path, state, trained=True)
    message = str(caught.value)
    assert (
        f"{len(how.get('norms', NORMS))} of 3 batch norms are folded (mean 0, variance 1; first blocks.0.1)" in message
    )
    assert "use --frozen" in message
    assert "\n" not in message
    assert len(message) - len(str(tmp_path)) < 250
    build(tmp_path, state, trained=False)


def test_a_prefix_in_the_file_changes_nothing(tmp_path):
    with pytest.raises(UserError, match="3 of 3 batch norms are folded"):
        build(tmp_path, fold(a_trained_state()), trained=True, suffix="module.")


def test_the_model_of_timm_is_looked_into(tmp_path):
    torch.save(TimmModel("test_resnet").model.state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"batch norms are folded .*first conv1.1\)"):
        build_backbone(
            TimmModel, in_shape=(3, 32, 32), hparams={"name": "test_resnet"}, weights=tmp_path / "w.pth", trained=True
        )


def test_what_has_statistics_and_what_is_new_trains(tmp_path):
    loaded = build(tmp_path, a_trained_state(), trained=True)
    new = build_backbone(SmallConv, in_shape=(3, 8, 8), hparams=SMALL, trained=True)
    torch.save(AlexNet().state_dict(), tmp_path / "plain.pth")  # the batch norms are added to it
    widened = build_backbone(
        AlexNet, in_shape=(3, 63, 63), hparams={"batch_norm": True}, weights=tmp_path / "plain.pth", trained=True
    )
    for built, source in ((loaded, True), (new, False), (widened, True)):
        assert (built.report is not None) == source
        assert all(parameter.requires_grad for parameter in built.module.parameters())
