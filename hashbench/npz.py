"""Reading .npz archives and .npy files that anyone may have made: arrays, or one line that says what is wrong.

Nothing in such a file is trusted. Python objects are not loaded, an array is as large as the bytes that are there and
not as its header claims, what is compressed more than real data ever are is not unpacked (`most_bytes`), and whatever
damaged bytes make zip, a decompressor or NumPy raise becomes one `UserError`.
"""

from __future__ import annotations

import errno
import io
import math
import os
import re
import stat
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from hashbench.errors import UserError

_SUFFIX = ".npy"
_ZIP, _ZIP_OF_NOTHING = b"PK\x03\x04", b"PK\x05\x06"
_CHUNK = 2**20
_ALWAYS_READ, _DENSEST = 2**28, 200
_LONGEST_HEADER, _LONGEST_REASON = 2**17, 100
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Header(NamedTuple):
    """What an array says of itself before its data: `shape`, `dtype`, whether it is stored by columns."""

    shape: tuple[int, ...]
    column_major: bool
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


def most_bytes(size: int) -> int:
    """How many bytes of arrays a file of `size` bytes may unpack to: 256 MiB, or 200 times its size if that is more.

    Arrays of features, codes and labels, sparse ones too, are packed less than a hundredfold.
    """
    return max(_ALWAYS_READ, _DENSEST * size)


def regular_file(path: Path) -> None:
    """Refuse what is no file, such as a pipe, which would be waited for without end.

    Raises:
        OSError: it is none, or there is nothing.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")


class NpzReader:
    """The arrays of an open archive, each read when it is asked for. See `open_npz`.

    Attributes:
        names: of the arrays, in the order of the file.
    """

    def __init__(self, archive: zipfile.ZipFile, size: int, label: str, advice: str) -> None:
        self._archive, self._bytes, self._label, self._advice = archive, size, label, advice
        self._left = most_bytes(size)
        self.names = [name.removesuffix(_SUFFIX) for name in archive.namelist() if name.endswith(_SUFFIX)]

    def header(self, name: str) -> Header:
        """Shape and type of one of `names`, of which no more is read; errors as of `read`."""
        try:
            with self._archive.open(f"{name}{_SUFFIX}") as member:
                return _header(member.read(_LONGEST_HEADER))[0]
        except Exception as error:
            raise _refusal(error, self._label, self._advice, name) from error

    def read(self, name: str) -> np.ndarray:
        """One of `names`, as an array that may be written to.

        Raises:
            UserError: its bytes are damaged, encrypted or compressed in an unknown way, it holds Python objects, or all
                that was read is more than `most_bytes`.
        """
        try:
            claimed = self._archive.getinfo(f"{name}{_SUFFIX}").file_size
            with self._archive.open(f"{name}{_SUFFIX}") as member:
                content = _content(member, min(claimed, self._bytes), self._left)
            self._left -= len(content)
            return _array(content)
        except Exception as error:
            raise _refusal(error, self._label, self._advice, name) from error


@contextmanager
def open_npz(
    path: Path, *, advice: str, label: str = "", missing: str = "there is no such file"
) -> Iterator[NpzReader]:
    """Open an archive to read some of its arrays.

    Args:
        advice: what to do if it cannot be read; the end of the message.
        label: what messages call the file; its path where empty.
        missing: what is said where there is no such file.

    Raises:
        UserError: there is no such file, it cannot be read, or it is no .npz.
    """
    label = label or str(path)
    with ExitStack() as opened:
        try:
            regular_file(path)
            file = opened.enter_context(path.open("rb"))
            archive = opened.enter_context(_archive(file))
            size = _size(file)
        except Exception as error:
            raise _refusal(error, label, advice, missing=missing) from error
        yield NpzReader(archive, size, label, advice)


def read_npz(
    path: Path, names: Sequence[str] | None = None, *, optional: Collection[str] = (), advice: str, label: str = ""
) -> dict[str, np.ndarray]:
    """Read arrays of an archive.

    Args:
        names: that must be there; None: all that the file holds are read.
        optional: names that are read where they are there.
        advice, label: as for `open_npz`.

    Raises:
        UserError: as `open_npz` and `NpzReader.read`; or it lacks some of `names`.
    """
    with open_npz(path, advice=advice, label=label) as file:
        wanted = file.names if names is None else [*names, *(name for name in optional if name in file.names)]
        missing = [name for name in wanted if name not in file.names]
        if missing:
            held = ", ".join(file.names) or "nothing"
            raise UserError(f"{label or path}: it lacks {', '.join(missing)}; there is {held}; {advice}")
        return {name: file.read(name) for name in wanted}


def read_npy(path: Path, *, advice: str, label: str = "") -> np.ndarray:
    """Read a file of one array; arguments and errors as of `read_npz`."""
    try:
        regular_file(path)
        with path.open("rb") as file:
            size = _size(file)
            return _array(_content(file, size, size))
    except Exception as error:
        raise _refusal(error, label or str(path), advice) from error


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of an archive: equal arrays, equal bytes.

    Raises:
        ValueError: an array of Python objects.
    """
    of_objects = [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]
    if of_objects:
        raise ValueError(f"{', '.join(of_objects)}: arrays of objects cannot be kept")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


class _UnreadableError(Exception):
    """Why a file is not read, in a few words."""


class _PythonObjectsError(Exception):
    """An array of Python objects, which only unpickling could load, and that may run anything."""


def _refusal(
    error: Exception, label: str, advice: str, name: str = "", missing: str = "there is no such file"
) -> UserError:
    """Whatever went wrong with a file (or with one of its arrays) in one line.

    Damaged bytes may make any part of zip, of a decompressor, of ast and of NumPy fail, in any way.
    """
    if isinstance(error, FileNotFoundError):
        return UserError(f"{label}: {missing}; {advice}")
    if isinstance(error, _PythonObjectsError):
        reason = f"Python objects{f' in {name}' if name else ''}, which are not loaded: save numbers or strings"
    else:
        reason = f"{name}: {_reason(error)}" if name else _reason(error)
    return UserError(f"{label}: cannot be read ({reason}); {advice}")


def _reason(error: Exception) -> str:
    """Why reading failed, in a few words."""
    words = " ".join(re.sub(r" at 0x[0-9a-f]+", "", str(error)).split())
    if len(words) > _LONGEST_REASON and not isinstance(error, _UnreadableError):
        words = f"{words[:_LONGEST_REASON]}..."
    if isinstance(error, _UnreadableError):
        return words
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, NotImplementedError):
        return f"compressed in a way that is not known here: {words}"
    if isinstance(error, RuntimeError) and "encrypted" in words:
        return "it is encrypted"
    return f"damaged: {words or type(error).__name__}"


def _size(file: IO[bytes]) -> int:
    """Bytes of a file that holds some."""
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise _UnreadableError("damaged: it is empty")
    return size


def _archive(file: IO[bytes]) -> zipfile.ZipFile:
    """The archive in a file; of a file of another kind says of which."""
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        _size(file)
        file.seek(0)
        head = file.read(len(npy.MAGIC_PREFIX))
        if head == npy.MAGIC_PREFIX:
            raise _UnreadableError("one array as .npy, not an .npz") from None
        if not head.startswith((_ZIP, _ZIP_OF_NOTHING)):
            raise _UnreadableError("it is not an .npz, or its first bytes are damaged") from None
        raise


def _content(file: IO[bytes], expected: int, most: int) -> bytearray:
    """All bytes of a file, to its end, where zip compares its checksum.

    Args:
        expected: how many are made room for at first. An archive's table may claim any number for what it holds, so it
            is no more than the archive itself has; what is compressed then grows.
        most: how many there may be. What the header claims is compared first, so that little is unpacked in vain.
    """
    content, filled = bytearray(expected), 0
    while chunk := file.read(_CHUNK):
        if not filled and chunk.startswith(npy.MAGIC_PREFIX):
            most = min(most, _claimed(chunk, most))
        content[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
        if filled > most:
            raise _UnreadableError("damaged: it holds more than its header claims, or unpacks to far more than is real")
    del content[filled:]
    return content


def _claimed(head: bytes, most: int) -> int:
    """Bytes that the array with this beginning has by its header."""
    header, start = _header(head)
    if header.size > most:
        raise _UnreadableError(
            f"damaged: its header claims {header.dtype} {header.shape}, more than such a file unpacks to; if they "
            "are real, save them uncompressed"
        )
    return start + header.size


def _header(head: bytes | memoryview) -> tuple[Header, int]:
    """What stands before the data, and where these begin."""
    stream = io.BytesIO(head)
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise _UnreadableError(f"version {version[0]}.{version[1]} of .npy is not known here")
    header = Header(*_HEADERS[version](stream))
    if header.dtype.hasobject:
        raise _PythonObjectsError
    return header, stream.tell()


def _array(content: bytearray) -> np.ndarray:
    """The array of an .npy file, on the bytes that are given."""
    if content.startswith(_ZIP):
        raise _UnreadableError("it holds an archive, not one array")
    (shape, column_major, dtype), start = _header(memoryview(content)[:_LONGEST_HEADER])
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize != len(content) - start:
        raise _UnreadableError(f"damaged: its header claims {dtype} {shape}, and {len(content) - start} bytes follow")
    flat = np.frombuffer(content, dtype, count, start) if count else np.empty(0, dtype)
    array = flat.reshape(shape[::-1]).T if column_major else flat.reshape(shape)
    return array if array.flags.aligned else array.copy()
