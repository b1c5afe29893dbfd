"""The batched transform equals the same steps done slowly, one image at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from hashbench.data.seeding import generator
from hashbench.data.transform import DeviceTransform, Draw, random_crop
from hashbench.errors import UserError

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]


def images(count=6, channels=3, height=16, width=16):
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator(0, "images"))


def slowly(batch, size, augment, draw, interpolation="bilinear"):
    """One image at a time with torchvision: resize, pad, crop, flip, normalise."""
    rows = []
    for image, flip, (v, h) in zip(batch, draw.flip, draw.offset.tolist(), strict=True):
        image = image.float()
        if size is not None:
            mode = tv.InterpolationMode(interpolation)
            image = tv.resize_image(image, [size, size], mode, antialias=True).clamp(0, 255)
        height, width = image.shape[1:]
        if augment == "crop_flip":
            pad_y, pad_x = height // 8, width // 8
            padded = tv.pad(image, [pad_x, pad_y, pad_x, pad_y], padding_mode="reflect") if pad_x + pad_y else image
            top, left = int(v * (2 * pad_y + 1)), int(h * (2 * pad_x + 1))
            image = padded[:, top : top + height, left : left + width]
        if augment != "none" and flip:
            image = tv.horizontal_flip(image)
        rows.append(tv.normalize(image / 255, MEAN, STD))
    return torch.stack(rows)


@settings(deadline=None, max_examples=40)
@given(
    augment=st.sampled_from(["none", "flip", "crop_flip"]),
    size=st.sampled_from([None, 8, 16, 27]),
    height=st.integers(3, 20),
    width=st.integers(3, 20),
    interpolation=st.sampled_from(["bilinear", "bicubic"]),
    seed=st.integers(0, 100),
)
def test_equals_the_slow_way(augment, size, height, width, interpolation, seed):
    batch = images(height=height, width=width)
    transform = DeviceTransform("image", size, augment, MEAN, STD, interpolation=interpolation)
    draw = transform.draw(len(batch), generator(seed))
    expected = slowly(batch, size, augment, draw, interpolation)
    torch.testing.assert_close(transform(batch, draw), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [8, 40])
def test_bicubic_is_pillow_s(size):
    """But for Pillow's rounding to whole values within 0 .. 255, after each of its two passes: pixels of the middle."""
    batch = images() // 2 + 64
    ours = DeviceTransform("image", size, std=(1 / 255,), interpolation="bicubic")(batch)
    theirs = [Image.fromarray(x.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BICUBIC) for x in batch]
    torch.testing.assert_close(ours, torch.from_numpy(np.stack(theirs)).permute(0, 3, 1, 2).float(), rtol=0, atol=1.6)


def test_interpolation_is_described():
    described = DeviceTransform("image", 8, interpolation="bicubic").describe()
    assert described == {**DeviceTransform("image", 8).describe(), "resize": "bicubic-antialias"}
    with pytest.raises(UserError, match="interpolation 'nearest' is unknown"):
        DeviceTransform("image", 8, interpolation="nearest")


def test_generator_names_the_augmentation():
    transform = DeviceTransform("image", None, "crop_flip", MEAN, STD)
    batch = images(64)
    first = transform(batch, generator(0, "augment", 0, 0))
    assert torch.equal(first, transform(batch, generator(0, "augment", 0, 0)))
    assert not torch.equal(first, transform(batch, generator(0, "augment", 0, 1)))


def test_without_a_draw_nothing_is_augmented():
    batch = images()
    assert torch.equal(
        DeviceTransform("image", None, "crop_flip", MEAN, STD)(batch),
        DeviceTransform("image", None, "none", MEAN, STD)(batch),
    )


def test_part_of_a_draw_augments_part_of_the_batch():
    transform = DeviceTransform("image", None, "crop_flip", MEAN, STD)
    batch, draw = images(10), transform.draw(10, generator(3))
    assert torch.equal(transform(batch, draw)[3:7], transform(batch[3:7], draw.part(3, 7)))


def test_every_place_is_drawn_about_equally_often():
    draw = DeviceTransform("image", None, "crop_flip").draw(20_000, generator(0))
    assert 0.48 < draw.flip.double().mean() < 0.52
    ramp = torch.arange(16, dtype=torch.uint8).expand(1, 1, 16, 16).expand(20_000, -1, -1, -1)
    moved = random_crop(ramp, draw.offset)[:, 0, 0, 8]
    places, counts = np.unique(moved.numpy(), return_counts=True)
    assert places.tolist() == [6, 7, 8, 9, 10]
    assert counts.min() > 3_700
    assert counts.max() < 4_300


@settings(deadline=None)
@given(v=st.floats(0, 1, exclude_max=True), h=st.floats(0, 1, exclude_max=True), side=st.integers(1, 70))
def test_crops_stay_inside(v, h, side):
    image = torch.arange(side, dtype=torch.uint8).expand(1, 1, side, side)
    crop = random_crop(image, torch.tensor([[v, h]], dtype=torch.float64))
    assert crop.shape == image.shape
    assert (crop[0, 0, 0].int().diff().abs() == 1).all()


def test_values_and_shape():
    out = DeviceTransform("image", 8, "none", [0.5], [0.25])(torch.full((2, 1, 4, 4), 255, dtype=torch.uint8))
    assert out.shape == (2, 1, 8, 8)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, torch.full_like(out, 2.0))


def test_one_channel_becomes_as_many_as_the_mean_has():
    batch = images(channels=1)
    out = DeviceTransform("image", 8, "none", MEAN, STD)(batch)
    torch.testing.assert_close(out, DeviceTransform("image", 8, "none", MEAN, STD)(batch.expand(-1, 3, -1, -1)))


def test_one_mean_serves_all_channels():
    out = DeviceTransform("image", None, "none", [0.5], [0.5])(images())
    torch.testing.assert_close(out, images().float() / 127.5 - 1)


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_channels_last_changes_the_layout_only(augment):
    plain = DeviceTransform("image", 8, augment, MEAN, STD)
    last = DeviceTransform("image", 8, augment, MEAN, STD, channels_last=True)
    out = last(images(), generator(1))
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert plain(images(), generator(1)).is_contiguous()
    assert torch.equal(out, plain(images(), generator(1)))
    assert last.describe() == plain.describe()


def test_features_pass_unchanged():
    transform = DeviceTransform("feature", None, "none", MEAN, STD)
    rows = torch.randn(3, 5)
    assert transform(rows) is rows
    assert transform.describe() == {"kind": "feature"}


def test_description_differs_where_values_do():
    ways = [
        DeviceTransform("image", size, augment, mean, std).describe()
        for size in (None, 8)
        for augment in ("none", "flip", "crop_flip")
        for mean, std in ((MEAN, STD), ([0.5], [0.5]), (MEAN, [0.5] * 3))
    ]
    assert len({str(way) for way in ways}) == len(ways)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("text",), "kind 'text' is unknown"),
        (("image", 8, "rotate"), "augment 'rotate' is unknown; use none, flip or crop_flip"),
        (("image", 0), "size of 0 pixels"),
        (("image", 8, "none", MEAN, [1.0]), "one entry per channel"),
        (("image", 8, "none", [], []), "one entry per channel"),
        (("image", 8, "none", [0.5], [0.0]), "std above 0"),
        (("feature", None, "flip"), "augment 'flip' is for images"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        DeviceTransform(*arguments)


def test_channels_that_do_not_match():
    with pytest.raises(UserError, match="images of 3 channels, mean and std of 2"):
        DeviceTransform("image", None, "none", [0.5, 0.5], [0.5, 0.5])(images())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("size", [None, 24])
def test_cuda_sees_the_same_augmentation(size):
    transform = DeviceTransform("image", size, "crop_flip", MEAN, STD)
    on_cpu, on_gpu = (transform(images(64).to(device), generator(5)).cpu() for device in ("cpu", "cuda"))
    torch.testing.assert_close(on_cpu, on_gpu, rtol=1e-4, atol=1e-4)


def test_draw_does_not_depend_on_the_kind_of_augmentation():
    """So that a protocol with flips only mirrors the same samples as one with crops."""
    draws = [DeviceTransform("image", None, augment).draw(50, generator(2)) for augment in ("flip", "crop_flip")]
    assert isinstance(draws[0], Draw)
    assert all(torch.equal(a, b) for a, b in zip(*draws, strict=True))
