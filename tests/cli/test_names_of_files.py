"""Images whose names are no UTF-8, from their folder to search, gallery and export; and what check-data says of a folder."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from PIL import Image

from hashbench.cli import main

FRENCH = os.fsdecode(b"\xe9t\xe9")  # Latin-1


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for name in (FRENCH, "winter"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            image = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / "photos" / name / f"{name}{number:02d}.png")
    return tmp_path / "photos"


def called(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_names_that_are_no_utf8_go_all_the_way(photos, tmp_path, capsys):
    data = ("--data-root", photos)
    run = (
        "run",
        "-m",
        "lsh",
        "--protocol",
        "image_folder",
        "--backbone",
        "small_conv",
        "--scratch",
        "--bits",
        "8",
        "--image-size",
        "16",
    )
    code, _, err = called(capsys, *run, "--set", "dataset.size=16", "--device", "cpu", "--out", "runs", *data)
    assert code == 0, err
    folder = next((tmp_path / "runs").rglob("result.json")).parent
    code, out, err = called(capsys, "search", "--run", folder, "--query", "test:0", "--top", "28", "--json", *data)
    assert code == 0, err
    found = [item["path"] for item in json.loads(out)["queries"][0]["neighbours"]]
    assert any(path.startswith("\\udce9t\\udce9/\\udce9t\\udce9") for path in found)
    code, _, err = called(capsys, "gallery", folder, "--out", "page.html", *data)
    assert code == 0, err
    assert "\\udce9t\\udce9/\\udce9t\\udce9" in (tmp_path / "page.html").read_text(encoding="utf-8")
    code, _, err = called(capsys, "export", folder, "--out", "deploy", *data)
    assert code == 0, err
    listed = (tmp_path / "deploy" / "database_paths.txt").read_bytes().split(b"\n")[:-1]
    assert len(listed) == len(np.load(tmp_path / "deploy" / "database_codes.npy"))
    assert all(os.path.isfile(os.path.join(os.fsencode(photos), path)) for path in listed)
    assert any(b"\xe9" in path for path in listed)


def test_check_data_names_the_classes_and_what_was_left_out(photos, capsys):
    (photos / "winter" / ".hidden.png").touch()
    (photos / "winter" / "notes.txt").touch()
    command = ("check-data", "image_folder", "--data-root", photos, "--set", "dataset.size=16")
    code, out, err = called(capsys, *command)
    assert code == 0, err
    assert "2 (one per row): winter, \\udce9t\\udce9" in out
    assert "note: left out: 1 hidden or made by the system (winter/.hidden.png)" in out
    assert "note: left out: 1 files that are no images by their names (1 .txt)" in out
