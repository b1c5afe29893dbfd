"""Archives that anyone made: equal arrays back, or one line; never a traceback, never memory for what is not there."""

from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import UserError
from hashbench.npz import npz_bytes, open_npz, read_npy, read_npz

ARRAYS = {
    "codes": np.arange(12, dtype=np.uint8).reshape(4, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "words": np.array(["a", "bcd"]),
    "nothing": np.zeros((0, 3), dtype=np.float32),
    "bits": np.int64(12),
    "mask": np.array([True, False]),
    "big_endian": np.arange(3, dtype=">i4"),
    "pairs": np.zeros(2, dtype=[("a", "f4"), ("b", "i1")]),
}
ADVICE = "save it again"


def archive(path: Path, compression: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    """An archive of any bytes."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def header(text: str) -> bytes:
    """The first bytes of an .npy whose header says `text`."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def refused(path: Path, *names: str) -> str:
    with pytest.raises(UserError) as caught:
        read_npz(path, names or None, advice=ADVICE)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    assert text.endswith(f"; {ADVICE}")
    return text


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_come_back_as_they_were(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path / "a.npz", compression, **{name: npy(array) for name, array in ARRAYS.items()})
    found = read_npz(path, advice=ADVICE)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].flags.writeable
        assert found[name].flags.aligned
    assert found["columns"].flags.f_contiguous


def test_what_numpy_and_we_write_is_read_and_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "ours.npz").write_bytes(npz_bytes(ARRAYS))
    np.savez_compressed(tmp_path / "theirs.npz", **ARRAYS)
    for name in ("ours.npz", "theirs.npz"):
        found = read_npz(tmp_path / name, ["codes", "bits"], optional=["mask", "absent"], advice=ADVICE)
        assert list(found) == ["codes", "bits", "mask"]
        np.testing.assert_array_equal(found["codes"], ARRAYS["codes"])
    assert npz_bytes(ARRAYS) == npz_bytes(ARRAYS)
    with pytest.raises(ValueError, match="odd: arrays of objects"):
        npz_bytes({"codes": ARRAYS["codes"], "odd": np.array([None])})


def test_large_compressed_arrays_outgrow_the_archive(tmp_path: Path) -> None:
    array = np.zeros((3000, 1000))
    array[1234, 56] = 7
    np.savez_compressed(tmp_path / "a.npz", array=array)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz", advice=ADVICE)["array"], array)


def test_an_unaligned_array_is_copied_to_where_it_may_be_computed_with(tmp_path: Path) -> None:
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}"
    content = header(text + " " * (len(text) % 2) + "\n") + np.arange(3.0).tobytes()
    assert content.index(np.arange(3.0).tobytes()) % 8
    found = read_npz(archive(tmp_path / "a.npz", array=content), advice=ADVICE)["array"]
    assert found.tolist() == [0, 1, 2]
    assert found.flags.aligned


def test_the_message_calls_the_file_as_it_is_told_to(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^features: mine: there is no such file; look elsewhere$"):
        read_npz(tmp_path / "none.npz", label="features: mine", advice="look elsewhere")


def test_what_is_no_archive_is_named_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert "there is no such file" in refused(path)
    assert re.search(r"cannot be read \(Is a directory\)", refused(tmp_path))
    for content, words in {
        b"": "damaged: it is empty",
        b"hello": "it is not an .npz",
        npy(np.arange(3)): "one array as .npy, not an .npz",
        b"PK\x03\x04 rubbish": "damaged",
    }.items():
        path.write_bytes(content)
        assert f"cannot be read ({words}" in refused(path)


def test_arrays_that_are_missing_are_named_with_what_is_there(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", codes=npy(ARRAYS["codes"]), mask=npy(ARRAYS["mask"]))
    assert ": it lacks labels, rows; there is codes, mask;" in refused(path, "labels", "codes", "rows")
    assert ": it lacks labels; there is nothing;" in refused(archive(path), "labels")
    assert read_npz(path, advice=ADVICE) == {}


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "trapped",))

    path = archive(tmp_path / "a.npz", y=npy(np.array([Trap()], dtype=object), allow_pickle=True))
    assert "Python objects in y, which are not loaded: save numbers or strings" in refused(path)
    assert not (tmp_path / "trapped").exists()


# --- damage


def damaged(content: bytes, path: Path) -> str | None:
    """What is said of damaged bytes; None where they still give the same arrays."""
    path.write_bytes(content)
    try:
        found = read_npz(path, advice=ADVICE)
    except UserError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said
    if said:
        return said
    for name, array in found.items():
        if name in ARRAYS:  # a name may be damaged too, and its array is then missed by whoever asks for it
            np.testing.assert_array_equal(array, ARRAYS[name])
    return None


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.filterwarnings("ignore")
def test_no_flipped_byte_gives_a_traceback_or_another_array(tmp_path: Path, compression: int) -> None:
    names = ("codes", "words")
    path = archive(tmp_path / "a.npz", compression, **{name: npy(ARRAYS[name]) for name in names})
    whole = path.read_bytes()
    said = []
    for place in range(len(whole)):
        for mask in (0xFF, 0x01, 0x40):
            content = bytearray(whole)
            content[place] ^= mask
            said.append(damaged(bytes(content), path))
    assert sum(text is not None for text in said) > len(said) / 3


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_file_that_is_cut_off_anywhere_is_said_to_be_damaged(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path / "a.npz", compression, codes=npy(ARRAYS["codes"]))
    whole = path.read_bytes()
    for length in range(len(whole)):
        assert "cannot be read (" in (damaged(whole[:length], path) or "")


def test_a_stream_that_does_not_inflate_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, codes=npy(np.arange(1000)))
    content = bytearray(path.read_bytes())
    start = content.index(b"codes.npy") + len("codes.npy")
    content[start : start + 50] = b"\xff" * 50
    assert "cannot be read (codes: damaged: Error -3 while decompressing data" in (damaged(bytes(content), path) or "")


def patched(path: Path, offsets: tuple[int, int], value: int) -> None:
    """Change a field of 16 bits in the header of an archive's only member and in the archive's table."""
    content = bytearray(path.read_bytes())
    for start, offset in zip((content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")), offsets, strict=True):
        content[start + offset : start + offset + 2] = struct.pack("<H", value)
    path.write_bytes(content)


def test_unknown_compression_and_encryption_are_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", codes=npy(ARRAYS["codes"]))
    patched(path, (8, 10), 99)
    assert "codes: compressed in a way that is not known here" in refused(path)
    path = archive(path, codes=npy(ARRAYS["codes"]))
    patched(path, (6, 8), 1)
    assert "(codes: it is encrypted)" in refused(path)


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 100000000000000000000)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': '<f9', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': ['<f8'], 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f8', 'shape': (2,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)",
        "[" * 300,
        "__import__('os').getcwd()",
    ],
)
def test_a_header_that_claims_nonsense_is_damage_and_takes_no_memory(tmp_path: Path, text: str) -> None:
    path = archive(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, codes=header(text + "\n") + bytes(16))
    tracemalloc.start()
    try:
        assert "cannot be read (codes: damaged: " in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_table_that_claims_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, codes=npy(ARRAYS["codes"]))
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read_npz(path, advice=ADVICE)["codes"], ARRAYS["codes"])
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_another_version_of_the_format_is_named(tmp_path: Path) -> None:
    array = np.zeros(2, dtype=[("数", "f4")])  # a name that needs version 3.0
    with pytest.warns(UserWarning, match="format 3"):
        content = npy(array)
    assert "version 3.0 of .npy is not known here" in refused(archive(tmp_path / "a.npz", sizes=content))


def test_errors_of_the_body_are_left_alone(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", codes=npy(ARRAYS["codes"]))
    with pytest.raises(ZeroDivisionError), open_npz(path, advice=ADVICE) as file:
        1 / len(set(file.names) - {"codes"})


def zeros(path: Path, claimed: int, held: int, **others: int) -> Path:
    """An archive of zeros, compressed a thousandfold, with a header that claims so many bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, size in {"codes": held, **others}.items():
            text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({claimed if name == 'codes' else size},)}}"
            with file.open(f"{name}.npy", "w") as member:
                member.write(header(text.ljust(117) + "\n"))
                for start in range(0, size, 2**20):
                    member.write(bytes(min(2**20, size - start)))
    return path


@pytest.mark.parametrize(
    ("claimed", "held", "words"),
    [
        (300 * 2**20, 300 * 2**20, "more than such a file unpacks to; if they are real, save them uncompressed"),
        (10, 300 * 2**20, "it holds more than its header claims"),
        (2**60, 10, "more than such a file unpacks to"),
    ],
)
def test_what_unpacks_to_hundreds_of_times_its_size_takes_no_memory(
    tmp_path: Path, claimed: int, held: int, words: str
) -> None:
    path = zeros(tmp_path / "a.npz", claimed, held)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    try:
        assert words in refused(path, "codes")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_the_limit_is_for_all_arrays_of_an_archive_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashbench.npz._ALWAYS_READ", 2**21)
    path = zeros(tmp_path / "a.npz", 2**20, 2**20, labels=2**20 - 2**12, more=2**12)
    with open_npz(path, advice=ADVICE) as file:
        assert file.header("more") == ((2**12,), False, np.dtype(np.uint8))
        assert file.read("codes").shape == (2**20,)
        assert file.read("labels").shape == (2**20 - 2**12,)
        with pytest.raises(UserError, match="more: damaged: its header claims"):
            file.read("more")


def test_what_is_stored_as_it_is_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashbench.npz._ALWAYS_READ", 2**10)
    array = np.zeros((3, 10**5))
    np.savez(tmp_path / "a.npz", array=array, again=array)
    assert len(read_npz(tmp_path / "a.npz", advice=ADVICE)) == 2


@pytest.mark.parametrize("text", ["-" * 9000 + "1", "1" + "+1" * 4000, "lambda: 0", "1" * 6000, "'" + "n" * 6000 + "'"])
def test_what_a_header_holds_instead_is_not_repeated_at_length(tmp_path: Path, text: str) -> None:
    path = archive(tmp_path / "a.npz", codes=header(text + "\n") + bytes(16))
    said = refused(path).removeprefix(str(path))
    assert len(said) < 200
    assert "0x" not in said


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    assert "it is no regular file" in refused(tmp_path / "pipe.npz")
    with pytest.raises(UserError, match="it is no regular file"):
        read_npy(tmp_path / "pipe.npz", advice=ADVICE)


# --- one array


def test_one_array_comes_back_or_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, ARRAYS["columns"])
    np.testing.assert_array_equal(read_npy(path, advice=ADVICE), ARRAYS["columns"])
    for content, words in {
        b"": "it is empty",
        b"hello": "damaged",
        path.read_bytes()[:-1]: "damaged: its header claims float64 (2, 3), and 47 bytes follow",
        npz_bytes(ARRAYS): "it holds an archive, not one array",
        npy(np.array([{}]), allow_pickle=True): "Python objects, which are not loaded",
    }.items():
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_npy(path, label="--query q", advice=ADVICE)
        assert str(caught.value).startswith("--query q: cannot be read (")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        read_npy(tmp_path / "none.npy", advice=ADVICE)
