"""Shapes, activations, names and gradients of every backbone."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from hashbench.backbones.alexnet import AlexNet
from hashbench.backbones.identity import Identity
from hashbench.backbones.resnet import ResNet
from hashbench.backbones.small_conv import SmallConv
from hashbench.backbones.squeezenet import SqueezeNet
from hashbench.backbones.timm_model import TimmModel
from hashbench.errors import UserError

CASES = [
    pytest.param(lambda: SmallConv(in_channels=1), (1, 8, 8), 256, id="small_conv-8"),
    pytest.param(lambda: SmallConv(), (3, 32, 32), 256, id="small_conv-32"),
    pytest.param(lambda: SmallConv(3, (4, 5), 6), (3, 64, 48), 6, id="small_conv-widths"),
    pytest.param(lambda: SmallConv(1, (), 6), (1, 1, 1), 6, id="small_conv-one-block"),
    pytest.param(lambda: AlexNet(), (3, 64, 64), 4096, id="alexnet"),
    pytest.param(lambda: AlexNet(batch_norm=True), (3, 64, 64), 4096, id="alexnet_bn"),
    pytest.param(lambda: ResNet(18), (3, 33, 33), 512, id="resnet18"),
    pytest.param(lambda: ResNet(50), (3, 33, 33), 2048, id="resnet50"),
    pytest.param(lambda: SqueezeNet("1_0"), (3, 64, 64), 512, id="squeezenet1_0"),
    pytest.param(lambda: SqueezeNet("1_1"), (3, 64, 64), 512, id="squeezenet1_1"),
    pytest.param(lambda: TimmModel("test_resnet"), (3, 32, 32), 96, id="timm"),
    pytest.param(lambda: TimmModel("test_efficientnet", in_channels=1), (1, 32, 32), 256, id="timm-grey"),
    pytest.param(lambda: TimmModel("test_vit", img_size=32), (3, 32, 32), 64, id="timm-kwargs"),
    pytest.param(lambda: TimmModel("mobilenetv3_small_050"), (3, 32, 32), 1024, id="timm-wider-after-pooling"),
    pytest.param(lambda: Identity(7), (7,), 7, id="identity"),
    pytest.param(lambda: Identity(12), (3, 2, 2), 12, id="identity-images"),
]


@pytest.mark.parametrize(("make", "shape", "width"), CASES)
def test_shape_and_gradient(make, shape, width):
    module = make().train()
    inputs = torch.randn(3, *shape, requires_grad=True)
    features = module(inputs)
    assert features.shape == (3, width)
    assert module.out_features == width
    features.square().sum().backward()
    assert inputs.grad.abs().sum() > 0
    without = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


@pytest.mark.parametrize(("make", "shape", "width"), CASES)
def test_evaluation_does_not_depend_on_the_batch(make, shape, width):
    module = make().eval()
    inputs = torch.randn(4, *shape)
    with torch.no_grad():
        together, alone = module(inputs), torch.cat([module(row[None]) for row in inputs])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def kinds(module: nn.Module, *wanted: type[nn.Module]) -> int:
    return sum(isinstance(part, wanted) for part in module.modules())


@pytest.mark.parametrize(
    ("make", "original"),
    [
        (AlexNet, torchvision.models.alexnet),
        (lambda elu=True: AlexNet(batch_norm=True, elu=elu), torchvision.models.alexnet),
        (lambda elu=True: ResNet(18, elu=elu), torchvision.models.resnet18),
        (lambda elu=True: ResNet(50, elu=elu), torchvision.models.resnet50),
    ],
)
def test_every_relu_became_an_elu(make, original):
    with torch.device("meta"):
        relus = kinds(original(), nn.ReLU)
        module = make()
        assert kinds(module, nn.ReLU, nn.ReLU6) == 0
        assert kinds(module, nn.ELU) == relus
        assert kinds(make(elu=False), nn.ReLU) == relus


def test_features_of_elu_nets_are_negative_too():
    """A functional ReLU left somewhere would show here."""
    for module in (AlexNet(), ResNet(18)):
        assert module.eval()(torch.randn(2, 3, 64, 64)).min() < 0


def test_relu_variants_equal_torchvision():
    """With ReLU and torchvision's weights, the features are the input of torchvision's last layer, to the bit."""
    images = torch.randn(2, 3, 64, 64)
    pairs = [
        (AlexNet(elu=False), torchvision.models.alexnet(), lambda net: net.classifier),
        (ResNet(18, elu=False), torchvision.models.resnet18(), lambda net: net),
    ]
    for ours, theirs, parent in pairs:
        last = parent(theirs)
        if isinstance(last, nn.Sequential):
            last[-1] = nn.Identity()
        else:
            last.fc = nn.Identity()
        ours.load_state_dict(theirs.state_dict())
        with torch.no_grad():
            assert torch.equal(ours.eval()(images), theirs.eval()(images))


@pytest.mark.parametrize(
    ("make", "original", "head"),
    [
        (AlexNet, torchvision.models.alexnet, "classifier.6"),
        (lambda: ResNet(18), torchvision.models.resnet18, "fc"),
        (lambda: ResNet(50), torchvision.models.resnet50, "fc"),
        (lambda: SqueezeNet("1_0"), torchvision.models.squeezenet1_0, "classifier"),
        (lambda: SqueezeNet("1_1"), torchvision.models.squeezenet1_1, "classifier"),
    ],
)
def test_names_and_shapes_are_torchvisions(make, original, head):
    with torch.device("meta"):
        theirs, ours = original().state_dict(), make().state_dict()
    wanted = {name: value.shape for name, value in theirs.items() if not name.startswith(head)}
    assert {name: value.shape for name, value in ours.items()} == wanted


def test_batch_norm_option_adds_a_norm_before_every_activation():
    with torch.device("meta"):
        plain = AlexNet()
    normed = AlexNet(batch_norm=True)
    assert kinds(plain, nn.BatchNorm1d, nn.BatchNorm2d) == 0
    assert (kinds(normed, nn.BatchNorm2d), kinds(normed, nn.BatchNorm1d)) == (5, 2)
    added = set(normed.state_dict()) - set(plain.state_dict())
    assert added == normed.optional_weights
    assert set(plain.state_dict()) <= set(normed.state_dict())
    normed.train()
    seen = []
    for part in normed.modules():
        if isinstance(part, nn.ELU):
            part.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[0].detach().clone()))
    normed(torch.randn(8, 3, 64, 64))
    assert len(seen) == 7
    for values in seen:
        channels = values.transpose(0, 1).flatten(1)
        assert channels.mean(1).abs().max() < 1e-3
        assert channels.std(1, unbiased=False).median() == pytest.approx(1, abs=0.05)


def test_dropout_only_on_request():
    with torch.device("meta"):
        assert kinds(AlexNet(), nn.Dropout) == 0
        assert kinds(AlexNet(dropout=True), nn.Dropout) == 2


def test_small_conv_pooling_before_elu_gives_the_values_of_pooling_after_it():
    module = SmallConv(3, (4,), 5).eval()
    images = torch.randn(2, 3, 8, 8)
    first, last = module.blocks
    maps = nn.functional.elu(last(nn.functional.max_pool2d(nn.functional.elu(first(images)), 2)))
    torch.testing.assert_close(module(images), maps.mean(dim=(2, 3)))


def test_small_conv_learns_digits():
    """End to end with a linear classifier, three epochs: accuracy above 0.95 on held-out digits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images[:, None]).float() / 8 - 1
    labels = torch.from_numpy(digits.target)
    held_out = torch.arange(len(labels)) % 4 == 0
    train = (~held_out).nonzero()[:, 0]
    torch.manual_seed(0)
    net = nn.Sequential(SmallConv(in_channels=1), nn.Linear(256, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(3):
        for rows in train[torch.randperm(len(train))].split(64):
            loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    accuracy = (net.eval()(images[held_out]).argmax(1) == labels[held_out]).float().mean()
    assert accuracy > 0.95


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ResNet(34), ["18, 50", "34"]),
        (lambda: SqueezeNet("2_0"), ["1_0, 1_1", "2_0"]),
        (lambda: SmallConv(widths=(8, 0)), ["from 1 to 65536", "[3, 8, 0, 256]"]),
        (lambda: TimmModel("mobilenetv2_10"), ["mobilenetv2_10'", "Did you mean", "mobilenetv2_100"]),
        (lambda: TimmModel("test_resnet", colour=3), ["test_resnet", "colour"]),
    ],
)
def test_wrong_arguments_are_one_line(make, words):
    with pytest.raises(UserError) as caught:
        make()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300
    for word in words:
        assert word in message


def test_timm_model_is_the_timm_model():
    torch.manual_seed(0)
    ours = TimmModel("test_resnet").eval()
    torch.manual_seed(0)
    theirs = timm.create_model("test_resnet", num_classes=0).eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(ours(images), theirs(images))
    assert ours.weights_target is ours.model
