"""Images are decoded once, correctly, by whoever comes first; what was kept follows the files."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional as TF

from hashbench.data import image_cache
from hashbench.data.decode import decode
from hashbench.data.image_folder import ImageFolder
from hashbench.data.image_index import DataError
from hashbench.data.table import DataTable
from hashbench.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def folder(tmp_path):
    """Twelve images of noise in two classes, of several formats and modes."""
    random = np.random.RandomState(0)
    for number in range(12):
        target = tmp_path / "photos" / "ab"[number % 2]
        target.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(random.randint(0, 256, (30 + number, 40, 3), dtype=np.uint8))
        mode, suffix = [("RGB", "jpg"), ("L", "png"), ("RGBA", "png"), ("P", "gif")][number % 4]
        image.convert(mode).save(target / f"{number}.{suffix}")
    return tmp_path / "photos"


@pytest.fixture
def decoded(monkeypatch):
    """Counts the images that are decoded."""
    seen = []

    def counting(files, size, **options):
        seen.extend(files)
        return real(files, size, **options)

    real = image_cache.decode_all
    monkeypatch.setattr(image_cache, "decode_all", counting)
    return seen


def test_decoded_once_and_mapped_afterwards(folder, cache, decoded):
    first = ImageFolder(folder, size=16).load()
    assert len(decoded) == 12
    second = ImageFolder(folder, size=16).load()
    assert len(decoded) == 12
    assert torch.equal(first.inputs, second.inputs)
    assert first.checksum == second.checksum
    second.inputs[0] = 0  # changes no file
    assert torch.equal(ImageFolder(folder, size=16).load().inputs, first.inputs)
    assert len(list(cache.glob("*.npy"))) == len(list(cache.glob("*.json"))) == 1


def test_rows_are_the_images(folder):
    index = ImageFolder(folder).index()
    table = ImageFolder(folder, size=24).load()
    for row in (0, 5, 11):
        np.testing.assert_array_equal(table.inputs[row], decode(index.files[row], 24).pixels)


@pytest.mark.parametrize("shape", [(64, 64), (100, 60), (61, 97)])
def test_decoding_is_the_usual_resize_and_crop(tmp_path, shape):
    """Shorter side to 32, antialiased, then the centre: one resize of the central square differs by rounding only."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = np.stack([x * 255 // shape[1], y * 255 // shape[0], 128 + 100 * np.sin(x / 9)], axis=2).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.png")
    expected = TF.center_crop(TF.resize(Image.fromarray(smooth), 32), [32, 32])
    difference = decode(tmp_path / "a.png", 32).pixels.astype(int) - np.asarray(expected).transpose(2, 0, 1)
    assert abs(difference).max() <= 6
    assert abs(difference).mean() < 1.5


def test_changed_and_other_files_are_decoded_anew(folder, decoded):
    before = ImageFolder(folder, size=16).load()
    ImageFolder(folder, size=24).load()
    assert len(decoded) == 24
    file = next((folder / "a").iterdir())
    image = Image.open(file)
    image.load()
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file)
    os.utime(file, ns=(1, 1))
    after = ImageFolder(folder, size=16).load()
    assert len(decoded) == 36
    assert after.checksum != before.checksum


def test_checksum_is_of_the_files_not_of_their_place_or_the_decoder(folder, tmp_path, monkeypatch):
    before = ImageFolder(folder, size=16).load()
    shutil.copytree(folder, tmp_path / "elsewhere")
    real = image_cache.decode_all

    def other_decoder(files, size, **options):
        for block in real(files, size, **options):
            yield [each._replace(pixels=each.pixels ^ 1) for each in block]

    monkeypatch.setattr(image_cache, "decode_all", other_decoder)
    after = ImageFolder(tmp_path / "elsewhere", size=16).load()
    assert not torch.equal(after.inputs, before.inputs)
    assert after.checksum == before.checksum
    assert ImageFolder(folder, size=24).load().checksum != before.checksum


def with_a_byte_flipped(content, place):
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


DAMAGE = {
    "no head": lambda head, pixels: head.unlink(),
    "torn head": lambda head, pixels: head.write_text(head.read_text()[:10]),
    "head of another kind": lambda head, pixels: head.write_text("[1]"),
    "other source": lambda head, pixels: head.write_text(
        json.dumps(json.loads(head.read_text()) | {"source": "0" * 64})
    ),
    "torn pixels": lambda head, pixels: pixels.write_bytes(pixels.read_bytes()[:1000]),
    "first pixel": lambda head, pixels: pixels.write_bytes(with_a_byte_flipped(pixels.read_bytes(), 128)),
    "last pixel": lambda head, pixels: pixels.write_bytes(with_a_byte_flipped(pixels.read_bytes(), -1)),
    "other shape": lambda head, pixels: np.save(pixels, np.zeros((12, 3, 8, 8), np.uint8)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_whole_is_made_again(folder, cache, decoded, caplog, damage):
    before = ImageFolder(folder, size=16).load()
    kept = before.inputs.clone()
    DAMAGE[damage](next(cache.glob("*.json")), next(cache.glob("*.npy")))
    after = ImageFolder(folder, size=16).load()
    assert torch.equal(after.inputs, kept)
    assert after.checksum == before.checksum
    assert len(decoded) == 24
    said = [record.getMessage() for record in caplog.records]
    assert sum("are damaged" in line and "decoding them again" in line for line in said) == (damage != "no head")


def test_pixels_are_held_against_their_checksum_in_parts(folder, cache, decoded, monkeypatch):
    monkeypatch.setattr(image_cache, "_HASHED", 1000)  # 9,216 bytes: ten parts, the last one shorter
    kept = ImageFolder(folder, size=16).load().inputs.clone()
    pixels = next(cache.glob("*.npy"))
    for number, place in enumerate((128, 128 + 4500, -1), start=1):
        pixels.write_bytes(with_a_byte_flipped(pixels.read_bytes(), place))
        assert torch.equal(ImageFolder(folder, size=16).load().inputs, kept)
        assert len(decoded) == 12 + 12 * number


def test_an_image_that_goes_away_while_it_is_looked_for_is_named(folder):
    index = ImageFolder(folder).index()
    index.files[3].unlink()
    with pytest.raises(DataError, match=r"missing image: 1 \(.*: a/4.jpg\)"):
        image_cache.stored_images(index, 16)


def test_a_full_disk_is_said_before_anything_is_decoded(folder, monkeypatch, decoded):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(UserError, match=r"\(not enough room on the disk\); set HASHBENCH_CACHE to a folder with room"):
        ImageFolder(folder, size=16).load()
    assert not decoded


def test_a_disk_that_fills_up_leaves_nothing(folder, cache, monkeypatch):
    def full(files, size, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_cache, "decode_all", full)
    with pytest.raises(UserError, match=r"No space left on device"):
        ImageFolder(folder, size=16).load()
    assert [file for file in cache.iterdir() if file.suffix != ".lock"] == []


def test_a_cache_that_cannot_be_made(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot be kept in .*set HASHBENCH_CACHE"):
        ImageFolder(folder, size=16).load()


def test_head_says_what_it_is(folder, cache):
    ImageFolder(folder, size=16).load()
    head = json.loads(next(cache.glob("*.json")).read_text())
    assert (head["images"], head["size"], head["root"]) == (12, 16, str(folder))


def test_folder_of_classes_and_roles(folder, tmp_path):
    table = ImageFolder(folder, size=16).load()
    assert (table.num_classes, table.class_names, table.split) == (2, ("a", "b"), None)
    assert table.labels.tolist() == [0] * 6 + [1] * 6
    for role in ("train", "val", "query"):
        shutil.copytree(folder, tmp_path / "roles" / role)
    index = ImageFolder(tmp_path / "roles").index()
    assert {role: len(rows) for role, rows in index.split.items()} == {"train": 12, "validation": 12, "test": 12}
    assert all(index.paths[row].startswith("query/") for row in index.split["test"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: root / "none", "cannot be read"),
        (lambda root: root / "a", "no folder with images for each class"),
        (lambda root: shutil.rmtree(root / "b") or root, r"images of one class only \(a\)"),
        (lambda root: None, "which folder"),
    ],
)
def test_folders_that_are_no_data_set(folder, make, message):
    with pytest.raises(UserError, match=message) as caught:
        ImageFolder(make(folder)).load()
    assert "\n" not in str(caught.value)


def test_two_folders_of_one_role(folder, tmp_path):
    for role in ("val", "valid"):
        shutil.copytree(folder, tmp_path / "roles" / role)
    with pytest.raises(UserError, match="two folders have the same role"):
        ImageFolder(tmp_path / "roles").index()


def test_large_tables_stay_in_the_host_s_memory(monkeypatch):
    table = DataTable("mine", torch.zeros(10, 3, 8, 8, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64), 1)
    for free, fits in ((3840, True), (3839, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**9))
        assert table._fits(torch.device("cuda", 0)) is fits
    assert table._fits(torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_batches_from_the_host_are_those_from_the_device(monkeypatch):
    inputs = torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8)
    rows = torch.tensor([3, 9, 3], device="cuda")
    stores = []
    for free in (10**9, 1):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10**9))
        stores.append(DataTable("mine", inputs, torch.zeros(10, dtype=torch.int64), 1).on("cuda"))
    assert [store.inputs.device.type for store in stores] == ["cuda", "cpu"]
    assert torch.equal(stores[0].pick(rows), stores[1].pick(rows))
