"""Weights files: what loads, what is reported, what is refused and in which words."""

import re
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from hashbench.backbones.alexnet import AlexNet
from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.resnet import ResNet
from hashbench.backbones.small_conv import SmallConv
from hashbench.backbones.squeezenet import SqueezeNet
from hashbench.backbones.timm_model import TimmModel
from hashbench.backbones.weights import fit_state, load_weights
from hashbench.errors import UserError


def small(seed: int = 0) -> SmallConv:
    torch.manual_seed(seed)
    return SmallConv(3, (4, 5), 6)


def refused(module: nn.Module, path: Path, state: dict | None = None) -> str:
    """The message of the refusal, checked to be one line and to leave the module as it was."""
    before = state_checksum(module.state_dict())
    with pytest.raises(UserError) as caught:
        load_weights(module, path) if state is None else fit_state(module, state, str(path))
    assert state_checksum(module.state_dict()) == before
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_round_trip(tmp_path, suffix):
    source, target = small(0), small(1)
    path = tmp_path / f"w{suffix}"
    write = safetensors.torch.save_file if suffix == ".safetensors" else torch.save
    write(source.state_dict(), path)
    report = load_weights(target, path)
    assert state_checksum(target.state_dict()) == state_checksum(source.state_dict()) == report.checksum
    assert set(report.loaded) == set(source.state_dict())
    assert report.missing == report.unexpected == ()
    assert str(report) == f"18 tensors loaded from {path}"


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "module.backbone.", "_orig_mod.module.", "model."])
@pytest.mark.parametrize("container", [None, "state_dict", "model", "model_state_dict"])
def test_containers_and_prefixes(tmp_path, prefix, container):
    source, target = small(0), small(1)
    state = {prefix + name: value for name, value in source.state_dict().items()}
    torch.save({container: state, "epoch": 3} if container else state, tmp_path / "w.pth")
    load_weights(target, tmp_path / "w.pth")
    assert state_checksum(target.state_dict()) == state_checksum(source.state_dict())


def test_own_checkpoint_of_a_wrapped_timm_model(tmp_path):
    """backbone.model.* beside a code layer: the checkpoint of a hashing network around a timm model."""
    source, target = TimmModel("test_resnet"), TimmModel("test_resnet")
    state = {f"backbone.{name}": value for name, value in source.state_dict().items()}
    torch.save({"state_dict": {**state, "code_layer.weight": torch.ones(2, 96)}}, tmp_path / "w.pth")
    report = load_weights(target, tmp_path / "w.pth")
    assert report.unexpected == ("code_layer.weight",)
    assert report.checksum == state_checksum(target.state_dict()) == state_checksum(source.state_dict())


def test_classifiers_are_left_out_and_reported():
    theirs = torchvision.models.resnet18()
    module = ResNet(18)
    report = fit_state(module, theirs.state_dict(), "theirs")
    assert report.unexpected == ("fc.weight", "fc.bias")
    assert "2 left out (fc.weight, ...)" in str(report)
    assert torch.equal(module.conv1.weight, theirs.conv1.weight)


def test_batch_norm_counters_may_be_missing(tmp_path):
    source = small(0)
    state = {name: value for name, value in source.state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "w.pth")
    report = load_weights(small(1), tmp_path / "w.pth")
    assert len(report.missing) == 3
    assert all(name.endswith("num_batches_tracked") for name in report.missing)
    assert report.checksum == state_checksum(source.state_dict())


def test_alexnet_weights_fit_alexnet_with_batch_norm():
    theirs = torchvision.models.alexnet()
    module = AlexNet(batch_norm=True)
    report = fit_state(module, theirs.state_dict(), "theirs")
    assert len(report.loaded) == 14
    assert set(report.missing) == module.optional_weights
    assert torch.equal(module.classifier[4].weight, theirs.classifier[4].weight)


@pytest.fixture(scope="module")
def normed_alexnet() -> AlexNet:
    return AlexNet(batch_norm=True)


@pytest.fixture(scope="module")
def alexnet() -> AlexNet:
    return AlexNet()


def test_half_of_the_added_batch_norm_is_refused(normed_alexnet):
    state = dict(normed_alexnet.state_dict())
    del state["features.1.norm.weight"]
    assert "1 missing, first features.1.norm.weight" in refused(normed_alexnet, Path("theirs"), state)


def test_batch_norm_weights_do_not_fit_plain_alexnet(alexnet, normed_alexnet):
    message = refused(alexnet, Path("theirs"), normed_alexnet.state_dict())
    assert "14 of 14 tensors fit (25 unexpected, first features.1.norm.weight)" in message


def test_missing_fully_connected_layers_are_no_classifier(alexnet):
    """AlexNet's 4096 features come out of `classifier`: without it they would be random."""
    state = {name: value for name, value in alexnet.state_dict().items() if name.startswith("features")}
    message = refused(alexnet, Path("theirs"), state)
    assert "10 of 14 tensors fit (4 missing, first classifier.1.weight)" in message


def test_a_deeper_net_of_the_same_family_is_refused():
    """Everything ResNet-18 has is in ResNet-34 with the same shape."""
    message = refused(ResNet(18), Path("theirs"), torchvision.models.resnet34().state_dict())
    assert "another architecture than ResNet: 120 of 120 tensors fit (96 unexpected, first layer1.2" in message


def test_other_shapes_are_refused(tmp_path):
    torch.save(SqueezeNet("1_1").state_dict(), tmp_path / "w.pth")
    message = refused(SqueezeNet("1_0"), tmp_path / "w.pth")
    assert "10 of another shape or type, first features.0.weight: (64, 3, 3, 3) for (96, 3, 7, 7)" in message
    assert "choose the backbone they belong to" in message


def test_integers_are_no_weights(tmp_path):
    state = small().state_dict()
    state["blocks.0.0.weight"] = torch.ones(4, 3, 3, 3, dtype=torch.int8)
    torch.save(state, tmp_path / "w.pth")
    assert "1 of another shape or type, first blocks.0.0.weight" in refused(small(), tmp_path / "w.pth")


def test_half_precision_is_converted(tmp_path):
    state = small(0).state_dict()
    torch.save({name: v.half() if v.is_floating_point() else v for name, v in state.items()}, tmp_path / "w.pth")
    module = small(1)
    load_weights(module, tmp_path / "w.pth")
    assert module.blocks[0][0].weight.dtype == torch.float32
    torch.testing.assert_close(module.blocks[0][0].weight, small(0).blocks[0][0].weight, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    state = small().state_dict()
    state["blocks.1.0.weight"][0, 0, 0, 0] = value
    torch.save(state, tmp_path / "w.pth")
    assert "1 tensors hold NaN or infinity, first blocks.1.0.weight" in refused(small(), tmp_path / "w.pth")


class Stranger:
    """Something that weights_only refuses."""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.pth", b"", "truncated"),
        ("w.safetensors", b"", "truncated"),
        ("w.pth", b"<html>404 not found</html>", "not a state dict"),
        ("w.safetensors", b"<html>404 not found</html>", "not a state dict"),
        ("w.pth", {"state_dict": Stranger()}, "Stranger"),
        ("w.pth", [1, 2], "no tensors in it"),
        ("w.pth", {"state_dict": {}}, "no tensors in it"),
    ],
)
def test_unreadable_files(tmp_path, name, content, words):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert words in refused(small(), path)


def test_no_such_file(tmp_path):
    assert "no such file" in refused(small(), tmp_path / "w.pth")


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_truncated_anywhere(tmp_path, form):
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        safetensors.torch.save_file(small().state_dict(), path)
    else:
        torch.save(small().state_dict(), path, _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, len(whole) // 60):
        path.write_bytes(whole[:length])
        assert "cannot be read" in refused(small(), path)


def test_nothing_in_a_file_is_executed(tmp_path):
    """A pickle that would write a file when loaded."""
    victim = tmp_path / "victim"

    class Trap:
        def __reduce__(self):
            return (open, (str(victim), "w"))

    torch.save({"state_dict": small().state_dict(), "trap": Trap()}, tmp_path / "w.pth")
    assert zipfile.is_zipfile(tmp_path / "w.pth")
    assert "cannot be read" in refused(small(), tmp_path / "w.pth")
    assert not victim.exists()


def test_checksum_is_of_the_content():
    state = small(0).state_dict()
    backwards = dict(reversed([(name, value.clone()) for name, value in state.items()]))
    assert state_checksum(backwards) == state_checksum(state)
    assert re.fullmatch("[0-9a-f]{64}", state_checksum(state))
    strided = small(0).to(memory_format=torch.channels_last).state_dict()
    assert not strided["blocks.1.0.weight"].is_contiguous()
    assert state_checksum(strided) == state_checksum(state)
    others = [small(1).state_dict(), {f"x.{name}": value for name, value in state.items()}]
    others.append({name: value.double() if value.is_floating_point() else value for name, value in state.items()})
    others.append({name: value[None] for name, value in state.items()})
    changed = {name: value.clone() for name, value in state.items()}
    changed["blocks.2.1.running_var"][3] += 1e-7
    others.append(changed)
    assert len({state_checksum(state), *map(state_checksum, others)}) == 6


def test_checksum_has_the_documented_form():
    """Recomputed by hand, so that the form cannot change unseen."""
    import hashlib

    state = {"b": torch.tensor([1.0, 2.0]), "a": torch.tensor(3), "n.num_batches_tracked": torch.tensor(9)}
    by_hand = b'["a","int64",[]]\n' + (3).to_bytes(8, "little") + b'["b","float32",[2]]\n' + b"\0\0\x80\x3f\0\0\0\x40"
    assert state_checksum(state) == hashlib.sha256(by_hand).hexdigest()
