"""GIST: equal to a slow version, right symmetries, one computation a data set."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench.data.cifar10 import CIFAR10
from hashbench.data.gist import GistCIFAR10, gist
from hashbench.data.table import DataTable
from hashbench.errors import UserError


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """(6, 3, 32, 32) smooth random images."""
    rng = np.random.default_rng(0)
    noise = np.fft.rfft2(rng.normal(size=(6, 3, 32, 32)))
    radius = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32)[None])
    smooth = np.fft.irfft2(noise / (0.05 + radius), s=(32, 32))
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    return (255 * (smooth - low) / (high - low)).astype(np.uint8)


def mirrored(image, before, after):
    return np.pad(image, ((before, after), (before, after)), mode="symmetric")


def slow_gist(image: np.ndarray, scales: int) -> list[float]:
    """One image, one filter, one frequency at a time, from the equations."""
    grey = image.astype(float).mean(axis=0)
    grey = 255 * (grey - grey.min()) / (grey.max() - grey.min())
    padded = mirrored(np.log(1 + grey), 5, 5)
    n = len(padded)
    cycles = np.fft.fftfreq(n, 1 / n)
    low_pass = np.array([[np.exp(-(fx**2 + fy**2) / (4 / np.sqrt(np.log(2))) ** 2) for fx in cycles] for fy in cycles])
    detail = padded - np.fft.ifft2(np.fft.fft2(padded) * low_pass).real
    deviation = np.sqrt(np.abs(np.fft.ifft2(np.fft.fft2(detail**2) * low_pass)))
    equalised = mirrored((detail / (0.2 + deviation))[5:-5, 5:-5], 32, 32)
    n = len(equalised)
    spectrum, cycles = np.fft.fft2(equalised), np.fft.fftfreq(n)
    values = []
    for scale in range(scales):
        for orientation in range(8):
            transfer = np.zeros((n, n))
            for i, fy in enumerate(cycles):
                for j, fx in enumerate(cycles):
                    turned = np.angle(fx + 1j * fy) + np.pi * orientation / 8
                    turned -= 2 * np.pi if turned > np.pi else 0
                    radial = np.hypot(fx, fy) / (0.3 / 1.85**scale) - 1
                    transfer[i, j] = np.exp(-10 * 0.35 * radial**2 - 2 * np.pi * turned**2)
            energy = np.abs(np.fft.ifft2(spectrum * transfer))[32:-32, 32:-32]
            values += [energy[r : r + 8, c : c + 8].mean() for r in range(0, 32, 8) for c in range(0, 32, 8)]
    return values


def test_equals_a_slow_version(images):
    ours = gist(images[:1], 512)
    assert ours.shape == (1, 512)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours[0], slow_gist(images[0], scales=4), atol=2e-5)


def test_384_are_the_finest_scales_of_512(images):
    np.testing.assert_allclose(gist(images, 384), gist(images, 512)[:, :384], atol=1e-6)


def test_batches_do_not_matter(images):
    np.testing.assert_allclose(gist(images, batch_size=1), gist(torch.from_numpy(images), batch_size=6), atol=1e-6)


def test_one_colour_gives_equal_blocks():
    flat = gist(np.full((2, 3, 32, 32), 77, dtype=np.uint8))
    np.testing.assert_array_equal(flat, np.zeros((2, 384)))


def test_a_quarter_turn_moves_orientations_and_blocks(images):
    plain = gist(images).reshape(6, 3, 8, 4, 4)
    turned = gist(np.rot90(images, axes=(2, 3)).copy()).reshape(6, 3, 8, 4, 4)
    expected = np.rot90(np.roll(plain, 4, axis=2), axes=(3, 4))
    np.testing.assert_allclose(turned, expected, atol=0.02 * plain.max())
    assert np.abs(turned - np.rot90(plain, axes=(3, 4))).max() > 0.2 * plain.max()  # the roll is needed


def test_a_mirror_image_mirrors_orientations(images):
    plain = gist(images).reshape(6, 3, 8, 4, 4)
    mirrored_image = gist(images[..., ::-1].copy()).reshape(6, 3, 8, 4, 4)
    expected = plain[:, :, (8 - np.arange(8)) % 8, :, ::-1]
    np.testing.assert_allclose(mirrored_image, expected, atol=0.02 * plain.max())


def test_stripes_answer_at_their_orientation_and_scale():
    x = np.arange(32)
    for scale, cycles in enumerate((0.3, 0.3 / 1.85, 0.3 / 1.85**2)):
        wave = np.rint(127 + 100 * np.cos(2 * np.pi * cycles * x)).astype(np.uint8)
        vertical = np.broadcast_to(wave, (1, 1, 32, 32)).copy()
        energy = gist(vertical).reshape(3, 8, 16).mean(axis=2)
        assert np.unravel_index(energy.argmax(), energy.shape) == (scale, 0)
        energy = gist(vertical.swapaxes(2, 3).copy()).reshape(3, 8, 16).mean(axis=2)
        assert np.unravel_index(energy.argmax(), energy.shape) == (scale, 4)


def test_a_small_shift_changes_little(images):
    plain, shifted, other = gist(images), gist(np.roll(images, 1, axis=3)), gist(np.roll(images, 1, axis=0))
    distance = np.linalg.norm(plain - shifted, axis=1)
    assert (distance < 0.5 * np.linalg.norm(plain - other, axis=1)).all()


def test_brightness_and_colour_channels(images):
    half = (images // 2).astype(np.uint8)
    np.testing.assert_allclose(gist(half), gist(half + 100), atol=1e-5)  # the range is stretched
    np.testing.assert_allclose(gist(images), gist(images[:, ::-1].copy()), atol=1e-5)  # grey: any order of channels


def test_sizes_that_are_not_square():
    image = np.random.default_rng(1).integers(0, 256, size=(2, 1, 40, 56), dtype=np.uint8)
    assert np.isfinite(gist(image, 512)).all()


@pytest.mark.parametrize(
    ("images", "dimensions", "message"),
    [
        (np.zeros((1, 3, 32, 32), np.uint8), 320, "384 or 512"),
        (np.zeros((1, 3, 32, 32), np.float32), 384, "uint8"),
        (np.zeros((1, 3, 8, 8), np.uint8), 384, "at least 32 pixels"),
        (np.zeros((3, 32, 32), np.uint8), 384, "uint8 images"),
    ],
)
def test_bad_input(images, dimensions, message):
    with pytest.raises(UserError, match=message):
        gist(images, dimensions)


def test_data_set_is_computed_once(images, tmp_path, monkeypatch):
    table = DataTable("cifar10", torch.from_numpy(images), torch.tensor([0, 1, 2, 0, 1, 2]), 3, ("a", "b", "c"))
    monkeypatch.setattr(CIFAR10, "load", lambda self: table)
    first = GistCIFAR10(dimensions=512, cache=tmp_path).load()
    assert (first.name, first.kind, first.num_classes) == ("cifar10-gist512", "feature", 3)
    assert first.class_names == table.class_names
    np.testing.assert_array_equal(first.labels, table.labels)
    np.testing.assert_allclose(first.inputs, gist(images, 512), atol=1e-6)
    monkeypatch.setattr("hashbench.data.gist.gist", lambda *_: pytest.fail("computed again"))
    again = GistCIFAR10(dimensions=512, cache=tmp_path).load()
    assert again.checksum == first.checksum


def test_data_set_refuses_other_dimensions():
    with pytest.raises(UserError, match="384 or 512"):
        GistCIFAR10(dimensions=320)
