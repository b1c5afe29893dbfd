"""Building a backbone: its own random stream, arguments from the data, weights, and the words of every refusal."""

import urllib.error
import urllib.request

import huggingface_hub
import pytest
import timm
import torch

from hashbench.backbones.alexnet import AlexNet
from hashbench.backbones.build import build_backbone
from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.identity import Identity
from hashbench.backbones.resnet import ResNet
from hashbench.backbones.small_conv import SmallConv
from hashbench.backbones.squeezenet import SqueezeNet
from hashbench.backbones.timm_model import TimmModel
from hashbench.errors import UserError

SMALL = {"widths": (4,), "out_features": 5}


def fingerprint(seed: int) -> str:
    return state_checksum(build_backbone(SmallConv, in_shape=(1, 8, 8), hparams=SMALL, seed=seed).module.state_dict())


def test_initial_weights_are_a_stream_of_their_own():
    torch.manual_seed(1)
    first = fingerprint(0)
    torch.manual_seed(2)
    torch.rand(100)
    before = torch.get_rng_state()
    assert fingerprint(0) == first
    assert torch.equal(torch.get_rng_state(), before), "the global generator moved"
    assert fingerprint(1) != first


def test_the_module_is_in_training_mode_and_untouched_by_the_trial():
    built = build_backbone(SmallConv, in_shape=(1, 8, 8), hparams=SMALL)
    assert all(part.training for part in built.module.modules())
    assert built.module.blocks[0][1].num_batches_tracked == 0
    assert torch.equal(built.module.blocks[0][1].running_mean, torch.zeros(4))
    assert built.report is None
    assert built.weights_checksum is None


@pytest.mark.parametrize(
    ("cls", "in_shape", "hparams", "width"),
    [
        (SmallConv, (1, 8, 8), SMALL, 5),
        (SmallConv, (4, 16, 16), {}, 256),
        (TimmModel, (2, 32, 32), {"name": "test_resnet"}, 96),
        (Identity, (17,), {}, 17),
        (Identity, (3, 4, 5), {}, 60),
        (SqueezeNet, (3, 64, 64), {"version": "1_0"}, 512),
    ],
)
def test_channels_and_features_come_from_the_data(cls, in_shape, hparams, width):
    built = build_backbone(cls, in_shape=in_shape, hparams=hparams)
    assert built.module.out_features == width
    assert built.module(torch.zeros(2, *in_shape)).shape == (2, width)


def test_weights_file(tmp_path):
    source = SmallConv(1, **SMALL)
    torch.save(source.state_dict(), tmp_path / "w.pth")
    wanted = {"in_shape": (1, 8, 8), "hparams": SMALL, "weights": tmp_path / "w.pth"}
    one, two = (build_backbone(SmallConv, **wanted, seed=seed) for seed in (0, 1))
    assert one.weights_checksum == two.weights_checksum == state_checksum(source.state_dict())
    assert one.report.checksum == one.weights_checksum
    assert len(one.report.loaded) == len(source.state_dict())


def test_a_weights_file_takes_the_place_of_the_download(tmp_path, no_network):
    torch.save(SqueezeNet("1_1").state_dict(), tmp_path / "w.pth")
    built = build_backbone(
        SqueezeNet, in_shape=(3, 64, 64), hparams={"version": "1_1"}, pretrained=True, weights=tmp_path / "w.pth"
    )
    assert built.weights_checksum == built.report.checksum


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(torch.hub, "urlopen", unreachable)


@pytest.mark.parametrize(
    ("cls", "hparams", "named"),
    [
        (AlexNet, {}, "AlexNet_Weights.IMAGENET1K_V1"),
        (ResNet, {"depth": 50}, "ResNet50_Weights.IMAGENET1K_V1"),
        (SqueezeNet, {"version": "1_0"}, "SqueezeNet1_0_Weights.IMAGENET1K_V1"),
    ],
)
def test_a_failed_download_names_the_weights_and_the_way_out(no_network, cls, hparams, named):
    with pytest.raises(UserError) as caught:
        build_backbone(cls, in_shape=(3, 64, 64), hparams=hparams, pretrained=True)
    message = str(caught.value)
    assert "\n" not in message
    for words in (named, "Name or service not known", "--weights FILE", "https://"):
        assert words in message


@pytest.fixture
def questions(monkeypatch):
    """What the client of the hub was asked for; nothing is reached."""
    asked = []

    class Session:
        def head(self, url, timeout):
            asked.append(url)
            raise OSError("no route")

    monkeypatch.setattr(huggingface_hub.utils, "get_session", Session)
    return asked


def test_a_hub_that_cannot_be_reached_is_asked_once(questions, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    seen = []
    monkeypatch.setattr(
        timm.models._builder,
        "load_pretrained",
        lambda *args, **kwargs: seen.append(huggingface_hub.constants.is_offline_mode()),
    )
    build_backbone(TimmModel, in_shape=(3, 32, 32), hparams={"name": "test_resnet"}, pretrained=True)
    assert seen == [True]
    assert questions == [huggingface_hub.constants.ENDPOINT]
    assert not huggingface_hub.constants.is_offline_mode()
    build_backbone(TimmModel, in_shape=(3, 32, 32), hparams={"name": "test_resnet"})
    assert len(questions) == 1


def test_a_failed_download_of_timm(questions, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("cannot find the requested files\nmore")

    monkeypatch.setattr(timm.models._builder, "load_pretrained", unreachable)
    with pytest.raises(UserError) as caught:
        build_backbone(TimmModel, in_shape=(3, 32, 32), hparams={"name": "test_resnet"}, pretrained=True)
    message = str(caught.value)
    assert "\n" not in message
    for words in ("'test_resnet'", "cannot find the requested files", "--weights FILE"):
        assert words in message


@pytest.mark.parametrize(
    ("make", "cls", "hparams"),
    [
        ("alexnet", AlexNet, {"batch_norm": True}),
        ("resnet18", ResNet, {}),
        ("squeezenet1_1", SqueezeNet, {}),
    ],
)
def test_a_download_that_works(monkeypatch, make, cls, hparams):
    """torchvision's state dict, as it would come over the network, is in the module and its checksum is given."""
    import torchvision

    state = getattr(torchvision.models, make)().state_dict()
    asked = []

    def fetched(weights, progress, check_hash):
        asked.append((str(weights), check_hash))
        return state

    monkeypatch.setattr(torchvision.models.WeightsEnum, "get_state_dict", fetched)
    one, two = (
        build_backbone(cls, in_shape=(3, 64, 64), hparams=hparams, pretrained=True, seed=seed) for seed in (0, 1)
    )
    assert asked[0][1] is True
    assert asked[0][0].lower().startswith(make)
    own = one.module.state_dict()
    loaded = [name for name in state if name in own]
    assert len(loaded) >= 14
    assert all(torch.equal(own[name], state[name]) for name in loaded)
    assert one.weights_checksum == two.weights_checksum == state_checksum(own)


@pytest.mark.parametrize(
    ("cls", "in_shape", "hparams", "options", "words"),
    [
        (ResNet, (3, 64, 64), {"deph": 50}, {}, ["'deph'", "Did you mean depth?"]),
        (TimmModel, (3, 64, 64), {}, {}, ["missing a required argument: 'name'"]),
        (SmallConv, (1, 8, 8), {}, {"pretrained": True}, ["no published weights", "--weights FILE"]),
        (SmallConv, (1, 8, 8), {"pretrained": True}, {}, ["choice of the protocol"]),
        (SmallConv, (20,), {}, {}, ["takes images", "(20,)", "identity"]),
        (AlexNet, (3, 32, 32), {}, {}, ["AlexNet does not take data of shape (3, 32, 32)", "image size"]),
        (AlexNet, (1, 64, 64), {}, {}, ["AlexNet does not take data of shape (1, 64, 64)"]),
        (TimmModel, (3, 40, 40), {"name": "test_vit", "img_size": 32}, {}, ["TimmModel does not take", "(3, 40, 40)"]),
        (TimmModel, (3, 32, 32), {"name": "test_resnet", "global_pool": ""}, {}, ["(1, 96, ", "says (1, 96)"]),
    ],
)
def test_wrong_requests_are_one_line(cls, in_shape, hparams, options, words):
    with pytest.raises(UserError) as caught:
        build_backbone(cls, in_shape=in_shape, hparams=hparams, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
