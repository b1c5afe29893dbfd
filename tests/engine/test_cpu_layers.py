"""Layers that train faster on a CPU compute what torch's do: in double precision, where rounding hides nothing."""

from copy import deepcopy

import numba
import pytest
import torch
from timm.layers import BatchNormAct2d
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from hashbench.backbones.efficientnet_lite import EfficientNetLite
from hashbench.engine import cpu_layers
from hashbench.engine.cpu_layers import Depthwise, DepthwiseSame, NormReLU, Pointwise, with_cpu_layers

FAST = (Depthwise, DepthwiseSame, NormReLU, Pointwise)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    values = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0)) + 1
    return values.contiguous(memory_format=torch.channels_last)


def step(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output, the gradients of inputs and parameters, and the buffers after a training step."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = layer(x)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    grads = torch.autograd.grad((out * weights).sum(), [x, *layer.parameters()])
    return [out, *grads, *(buffer.clone() for buffer in layer.buffers())]


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """Which of the fast ways were gone."""
    seen: list[str] = []

    def spied(owner, name):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **kwargs: seen.append(name) or real(*args, **kwargs))

    for name in ("depthwise_backward", "gradient_sums"):
        spied(cpu_layers.kernels, name)
    spied(cpu_layers.F, "linear")
    return seen


def check(layer: nn.Module, x: torch.Tensor, fast: type) -> None:
    torch.manual_seed(1)
    theirs = nn.Sequential(layer).double().to(memory_format=torch.channels_last)
    ours = with_cpu_layers(deepcopy(theirs))
    assert type(ours[0]) is fast
    for one, other in zip(step(theirs, x), step(ours, x), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("size", "stride", "height", "width"),
    [(3, 1, 4, 4), (3, 1, 2, 3), (5, 1, 9, 7), (5, 1, 2, 2), (5, 1, 1, 1), (3, 2, 8, 6), (5, 2, 7, 9), (5, 2, 2, 2)],
)
@pytest.mark.parametrize("batch", [3, 20])  # fewer and more than the parts in which gradients are summed
def test_depthwise_convolution(calls, size, stride, height, width, batch):
    x = images(batch, 6, height, width)
    check(nn.Conv2d(6, 6, size, stride, size // 2, groups=6, bias=False), x, Depthwise)
    check(Conv2dSame(6, 6, size, stride, groups=6, bias=False), x, DepthwiseSame)
    assert calls == ["depthwise_backward"] * 2


def test_pointwise_convolution(calls):
    check(nn.Conv2d(6, 10, 1, bias=False), images(3, 6, 5, 4), Pointwise)
    assert calls == ["linear"]


@pytest.mark.parametrize("act", [nn.ReLU, nn.ReLU6])
def test_batch_norm_with_its_relu(calls, act):
    layer = BatchNormAct2d(6, act_layer=act, eps=1e-3)
    with torch.no_grad():
        layer.weight.uniform_(-4, 4)
        layer.bias.uniform_(-1, 7)
    check(layer, images(5, 6, 4, 5) * 3 + 100, NormReLU)
    assert calls == ["gradient_sums"]


def test_batch_norm_hands_on_what_is_no_number():
    layer = with_cpu_layers(nn.Sequential(BatchNormAct2d(2))).double()
    x = images(2, 2, 4, 4)
    x[0, 1, 2, 3] = torch.nan
    assert layer(x)[:, 1].isnan().all()
    assert layer(x)[:, 0].isfinite().all()


@pytest.fixture(scope="module")
def networks() -> tuple[nn.Module, nn.Module]:
    """The same network with torch's layers and with ours."""
    torch.manual_seed(0)
    theirs = EfficientNetLite(0).double().to(memory_format=torch.channels_last)
    return theirs, with_cpu_layers(deepcopy(theirs))


def test_a_whole_network(networks):
    theirs, ours = deepcopy(networks)
    assert {type(layer) for layer in ours.modules()} >= set(FAST)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    x = images(4, 3, 64, 64)
    for one, other in zip(step(theirs, x), step(ours, x), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-8)


def test_the_numbers_of_threads_stay_as_they_were(networks):
    before, compiled = torch.get_num_threads(), numba.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            step(deepcopy(networks[1]), images(4, 3, 64, 64))
            assert (torch.get_num_threads(), numba.get_num_threads()) == (threads, compiled)
    finally:
        torch.set_num_threads(before)


def test_evaluation_is_torch_s_to_the_bit(networks, calls):
    theirs, ours = (network.eval() for network in deepcopy(networks))
    x = images(2, 3, 32, 32)
    assert torch.equal(theirs(x), ours(x))
    assert calls == []


def test_other_layouts_and_autocast_are_torch_s(networks, calls):
    theirs, ours = (network.float() for network in deepcopy(networks))
    x = images(2, 3, 32, 32, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(theirs(x), ours(x))
    theirs, ours = (network.to(memory_format=torch.contiguous_format) for network in (theirs, ours))
    with torch.no_grad():
        assert torch.equal(theirs(x.contiguous()), ours(x.contiguous()))
    assert calls == []


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 8, 3, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 4, (3, 5), groups=4, bias=False),
        nn.Conv2d(4, 4, 3, groups=4, bias=False, padding_mode="reflect", padding=1),
        nn.Conv2d(4, 4, 1, stride=2, bias=False),
        nn.Conv2d(4, 4, 3, bias=False),
        BatchNormAct2d(4, act_layer=nn.ELU),
        BatchNormAct2d(4, apply_act=False),
        BatchNormAct2d(4, drop_layer=nn.Dropout),
        BatchNormAct2d(4, affine=False),
        nn.BatchNorm2d(4),
    ],
    ids=str,
)
def test_layers_of_other_kinds_stay_as_they_are(layer):
    kind = type(layer)
    assert type(with_cpu_layers(nn.Sequential(layer))[0]) is kind
