"""Image files of every kind of pixel: a grey ramp stays a ramp or is refused with its reason, the same at every call."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from hashbench.data import decode as decoding
from hashbench.data.decode import DARK, TRANSPARENT, TURNED, decode, decode_all
from hashbench.data.image_folder import ImageFolder

RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
DEEP = RAMP.astype(np.uint16) * 257


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))


def saved(image, kind, **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, kind, **options) if isinstance(image, np.ndarray) else image.save(
        content, kind, **options
    )
    return content.getvalue()


def png(colour, rows, depth=16):
    """A PNG of any depth, which Pillow itself does not write in colour."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 64, 64, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff(values, bits, white_is_zero=False, kind=1):
    """An uncompressed grey TIFF; `kind` 1 unsigned, 2 signed, 3 floating point."""
    data = values.tobytes()
    tags = [(256, 64), (257, 64), (258, bits), (259, 1), (262, 0 if white_is_zero else 1), (273, 134)]
    tags += [(277, 1), (278, 64), (279, len(data)), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


GREY = Image.fromarray(RAMP)
RAMPS = {
    "16-bit PNG": saved(DEEP, "PNG"),
    "16-bit TIFF": saved(DEEP, "TIFF"),
    "16-bit TIFF, most significant byte first": saved(Image.frombytes("I;16B", (64, 64), DEEP.astype(">u2").tobytes()), "TIFF"),
    "16-bit TIFF, white is zero": tiff(65535 - DEEP, 16, white_is_zero=True),
    "16-bit PGM": b"P5 64 64 65535\n" + DEEP.astype(">u2").tobytes(),
    "12-bit PGM": b"P5 64 64 4095\n" + (RAMP.astype(int) * 4095 // 255).astype(">u2").tobytes(),
    "16-bit PNG in colour": png(2, np.repeat(DEEP[..., None], 3, 2).astype(">u2")),
    "16-bit PNG, grey with alpha": png(4, np.dstack([DEEP, np.full_like(DEEP, 65535)]).astype(">u2")),
    "LA": saved(GREY.convert("LA"), "PNG"),
    "CMYK JPEG": saved(GREY.convert("RGB").convert("CMYK"), "JPEG", quality=95),
    "CMYK TIFF": saved(GREY.convert("RGB").convert("CMYK"), "TIFF"),
    "palette": saved(GREY.convert("P"), "PNG"),
    "palette, one colour transparent": saved(GREY.convert("P"), "PNG", transparency=200),
    "palette, every colour of another transparency": saved(GREY.convert("P"), "PNG", transparency=bytes(range(256))),
    "GIF, one colour transparent": saved(GREY.convert("P"), "GIF", transparency=3),
    "white is zero": tiff(255 - RAMP, 8, white_is_zero=True),
}  # fmt: skip


@pytest.mark.parametrize("kind", RAMPS)
def test_a_ramp_stays_a_ramp(tmp_path, kind):
    file = tmp_path / "ramp"
    file.write_bytes(RAMPS[kind])
    decoded = decode(file, 64)
    assert decoded.fault == ""
    assert np.abs(decoded.pixels.astype(int) - RAMP).max() <= (8 if "JPEG" in kind else 2)


REFUSED = {
    "floats in 0..1": (saved((RAMP / 255).astype(np.float32), "TIFF"), "floating-point pixels, of unknown black"),
    "floats in 0..255": (saved(RAMP.astype(np.float32), "TIFF"), "floating-point pixels, of unknown black"),
    "32 bits": (saved(DEEP.astype(np.int32), "TIFF"), "32-bit or signed pixels, of unknown black"),
    "signed": (tiff((DEEP // 2).astype("<i2"), 16, kind=2), "32-bit or signed pixels, of unknown black"),
    "8 bits stored in 16": (saved(RAMP.astype(np.uint16), "PNG"), "16-bit pixels of at most 255 of 65535"),
    "an empty file": (b"", "the file is empty"),
    "a page of text": (b"<html>404</html>", "not an image, or of an unknown kind"),
    "half a file": (RAMPS["palette"][:300], ""),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_same_words_at_every_call(tmp_path, kind):
    content, reason = REFUSED[kind]
    file = tmp_path / "image"
    file.write_bytes(content)
    faults = [decode(file, 64).fault for _ in range(2)]
    assert faults[0] == faults[1] != ""
    assert reason in faults[0]
    assert " at 0x" not in faults[0]
    assert decode(file, 64).pixels is None


def test_files_that_cannot_be_opened(tmp_path):
    assert decode(tmp_path / "none.png", 16).fault == "No such file or directory"
    assert decode(tmp_path, 16).fault == "Is a directory"
    assert decode(tmp_path / ("x" * 300), 16).fault == "File name too long"


def test_seeded_damage_never_raises(tmp_path):
    random = np.random.default_rng(0)
    kinds = list(RAMPS.values())
    for trial in range(200):
        content = bytearray(kinds[trial % len(kinds)])
        for place in random.integers(0, len(content), 1 + trial % 7):
            content[place] = random.integers(256)
        file = tmp_path / "damaged"
        file.write_bytes(content[: random.integers(len(content)) if trial % 3 == 0 else None])
        decoded = decode(file, 16)
        assert (decoded.pixels is None) == bool(decoded.fault)
        assert len(decoded.fault) < 120


def test_deep_grey_is_another_source_than_the_same_bytes_were_before(tmp_path):
    """What was computed when such images became white must not be found again under the same checksum."""
    (tmp_path / "deep.png").write_bytes(RAMPS["16-bit PNG"])
    (tmp_path / "plain.png").write_bytes(RAMPS["palette"])
    assert decode(tmp_path / "plain.png", 8).sha256 == hashlib.sha256(RAMPS["palette"]).digest()
    assert decode(tmp_path / "deep.png", 8).sha256 != hashlib.sha256(RAMPS["16-bit PNG"]).digest()


def photograph(orientation):
    """64 x 48 pixels, red in the upper left as it is to be seen, stored as a camera held otherwise stores it."""
    seen = np.zeros((48, 64, 3), np.uint8)
    seen[:24, :32, 0] = 255
    stored = {1: seen, 3: seen[::-1, ::-1], 6: np.rot90(seen), 8: np.rot90(seen, -1)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation_is_followed_where_asked(tmp_path, orientation):
    file = tmp_path / "photograph.png"
    file.write_bytes(photograph(orientation))
    upright = decode(file, 16, upright=True)
    assert upright.pixels[0, 4, 4] > 250
    assert upright.pixels[0, 12, 12] == upright.pixels[0, 4, 12] == upright.pixels[0, 12, 4] == 0
    stored = decode(file, 16)
    assert (stored.pixels[0, 4, 4] > 250) == (orientation == 1)
    assert (TURNED in stored.remarks) == (orientation != 1)
    assert upright.remarks == ()


def test_turned_images_are_said_and_make_another_table_when_upright(tmp_path):
    for number, orientation in enumerate((1, 6, 1, 8)):
        target = tmp_path / "photos" / "ab"[number % 2]
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{number}.png").write_bytes(photograph(orientation))
    stored, upright = (ImageFolder(tmp_path / "photos", size=16, upright=value).load() for value in (False, True))
    assert stored.notes == (f"2 images {TURNED}",)
    assert upright.notes == ()
    assert stored.checksum != upright.checksum
    assert (upright.inputs[:, 0, 4, 4] > 250).all()
    assert not (stored.inputs[:, 0, 4, 4] > 250).all()
    assert ImageFolder(tmp_path / "photos", size=16).load().notes == stored.notes  # from the cache too


def test_what_the_pixels_do_not_show_is_remarked(tmp_path):
    for kind, remarks in (
        ("palette, every colour of another transparency", (TRANSPARENT,)),
        ("LA", ()),
        ("16-bit PNG", ()),
    ):
        (tmp_path / "image").write_bytes(RAMPS[kind])
        assert decode(tmp_path / "image", 8).remarks == remarks
    (tmp_path / "image").write_bytes(saved(DEEP // 16, "PNG"))  # 12 bits stored in 16
    assert decode(tmp_path / "image", 8).remarks == (DARK,)


def test_warnings_are_as_before_after_decoding_in_threads(tmp_path):
    files = []
    for number in range(60):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(RAMPS["palette, every colour of another transparency"])

    def work():
        for _ in range(3):
            list(decode_all(files, 8))

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(warnings.filters) == before
        for _ in decode_all(files, 8):
            assert list(warnings.filters) == before  # while the caller works on a block
        warnings.warn("heard", UserWarning, stacklevel=1)
    assert [str(one.message) for one in said] == ["heard"]


def test_other_warnings_are_heard_while_images_are_decoded(tmp_path, monkeypatch):
    (tmp_path / "image").write_bytes(RAMPS["palette"])
    real = decoding._central_square

    def warning(*arguments):
        warnings.warn("of somebody else", UserWarning, stacklevel=1)
        return real(*arguments)

    monkeypatch.setattr(decoding, "_central_square", warning)
    with pytest.warns(UserWarning, match="of somebody else"):
        decode(tmp_path / "image", 8)
