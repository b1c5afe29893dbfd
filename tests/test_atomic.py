"""Files that are there completely or not at all."""

import pytest

from hashbench.atomic import atomic_write


def test_atomic_write_keeps_the_old_file_on_an_error(tmp_path):
    path = tmp_path / "f"
    with atomic_write(path) as file:
        file.write(b"old")

    def half() -> None:
        with atomic_write(path) as file:
            file.write(b"ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
