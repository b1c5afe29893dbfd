"""Real photographs with several labels, from their list to codes; and what a person reads where some are missing."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.cli.app import program
from hashbench.data.image_list import ImageList
from hashbench.engine.run import run
from hashbench.errors import UserError

SMALL = {"epochs": 2, "validate_every": 1, "batch_size": 32, "image_size": 32, "hidden": [], "topk": [10],
         "pretrained": False, "frozen": False, "backbone": "small_conv", "augment": "crop_flip"}  # fmt: skip


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def coco256(shared_data, own_cache):
    folder = shared_data / "coco256"
    if not (folder / "list.txt").is_file():
        pytest.skip(f"no photographs: {folder} is missing")
    return folder


def spec_for(catalog, tmp_path, root, *sets, **options):
    return resolve(
        catalog, protocol="image_list", bits=12, changes=SMALL, sets=["dataset.size=40", *sets], data_root=root, out=tmp_path / "runs", **options
    )  # fmt: skip


@pytest.mark.real_data
def test_photographs_are_those_of_the_list(coco256):
    table = ImageList(coco256 / "list.txt", size=64, images="images").load()
    assert (table.inputs.shape, table.labels.shape) == ((256, 3, 64, 64), (256, 80))
    assert (table.labels.sum(1) > 0).sum() == 254
    first = (coco256 / "list.txt").read_text().splitlines()[0].split()
    assert table.labels[0].tolist() == [int(value) for value in first[1:]]
    mean = np.asarray(Image.open(coco256 / "images" / first[0]).convert("RGB")).mean()
    assert abs(table.inputs[0].float().mean() - mean) < 15


@pytest.mark.real_data
@pytest.mark.parametrize("method", ["dualhash_likelihood", "class_codes"])
def test_several_labels_end_to_end(coco256, tmp_path, method):
    catalog = load_catalog(folder=tmp_path)
    spec = spec_for(catalog, tmp_path, coco256 / "list.txt", "dataset.images=images", method=method)
    record = run(spec, catalog).record
    assert 0 < record.metrics["map"] <= 1
    assert len(record.history) == 2
    codes = np.load(next((tmp_path / "runs").rglob("codes.npz")))
    assert codes["query_labels"].shape == (51, 80)
    assert codes["database_codes"].shape[0] == 256 - 51 - 26


@pytest.mark.real_data
def test_real_list_with_images_missing(coco256, tmp_path):
    """The list in a folder of its own, beside half of its images: check-data names the others, run says so in a line."""
    lines = (coco256 / "list.txt").read_text().splitlines()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "train.txt").write_text("\n".join(lines[:200]))
    (tmp_path / "half" / "test.txt").write_text("\n".join(lines[200:]))
    for line in lines[:100]:
        name = line.split()[0]
        (tmp_path / "half" / name).write_bytes(
            (coco256 / "images" / name).read_bytes()[: 500 if line is lines[7] else None]
        )
    done = CliRunner().invoke(program(), ["check-data", "image_list", "--data-root", "half"])
    assert done.exit_code == 1, done.output
    assert "problem: missing image: 156" in done.output
    assert f"    test.txt line 1: {lines[200].split()[0]}" in done.output
    assert "problem: unreadable image: 1\n" in done.output
    assert f"    train.txt line 8: {lines[7].split()[0]} (" in done.output
    assert "and 136 more" in done.output
    assert "split sha256" in done.output  # the roles are shown although images are missing
    catalog = load_catalog(folder=tmp_path)
    with pytest.raises(
        UserError, match=r"missing image: 156 \(test.txt line 1: .*`hashbench check-data` names more"
    ) as caught:
        run(spec_for(catalog, tmp_path, tmp_path / "half", method="dsh"), catalog)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.real_data
def test_where_no_image_is_found_the_advice_is_to_name_their_folder(coco256):
    with pytest.raises(UserError, match=r"missing image: 256 .*--set dataset.images=DIR"):
        ImageList(coco256 / "list.txt").load()


def test_check_data_on_sound_images_and_on_faulty_lists(own_cache, tmp_path):
    (tmp_path / "data").mkdir()
    for number in range(6):
        Image.new("L", (20, 20), 40 * (number % 5)).save(tmp_path / "data" / f"{number}.png")
    lines = [f"{number}.png {number % 2} 1 0" for number in range(6)]
    (tmp_path / "data" / "train.txt").write_text("\n".join(lines[:4]))
    (tmp_path / "data" / "test.txt").write_text("\n".join(lines[4:]))
    command = ["check-data", "image_list", "--data-root", "data", "--set", "dataset.size=16"]
    done = CliRunner().invoke(program(), command)
    assert done.exit_code == 1
    assert "(3, 16, 16)" in done.output
    assert "validation has no rows" in done.output  # a tenth of four rows
    (tmp_path / "data" / "val.txt").write_text("\n".join(lines[3:4]))
    (tmp_path / "data" / "train.txt").write_text("\n".join(lines[:3]))
    done = CliRunner().invoke(program(), command)
    assert done.exit_code == 1
    assert (
        "problem: 1 rows of train are in test too, under other row numbers" in done.output
    )  # 0.png and 5.png are alike
    (tmp_path / "data" / "test.txt").write_text("4.png 0 1\n")
    done = CliRunner().invoke(program(), command)
    assert done.exit_code == 1
    assert "problem: label of the wrong width: 1\n    test.txt line 1: 2 labels, most lines have 3\n" in done.output


def test_check_data_options(own_cache):
    done = CliRunner().invoke(program(), ["check-data", "digits", "--set", "lr=3"])
    assert isinstance(done.exception, UserError)
    assert "check-data takes dataset.KEY=value only" in str(done.exception)


def test_published_lists_are_looked_at_without_any_image(own_cache, tmp_path):
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(program(), ["check-data", "nuswide-dualhash-asis", "--data-root", "empty"])
    assert done.exit_code == 1
    assert "problem: missing image: 26,838" in done.output
    for count, roles in ((276, "train and test"), (122, "validation and test")):
        assert f"{roles} share {count} rows, which the protocol allows by name" in done.output
    assert "test lists 64 rows more than once, which the protocol allows" in done.output
    assert load_catalog().protocol("nuswide-dualhash-asis").split.sha256 in done.output
