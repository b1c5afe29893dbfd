"""The contract of a data set: what is refused, in one line; and docs/adding_a_dataset.md, whose files work as printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from refusal import assert_refused

from hashbench.data import DataTable, load_table
from hashbench.data.dataset import IndexedDataset
from hashbench.data.digits import Digits
from hashbench.data.image_folder import ImageFolder
from hashbench.data.load import make_dataset
from hashbench.errors import UserError

pytestmark = pytest.mark.usefixtures("as_before")

PAGE = Path(__file__).parents[2] / "docs" / "adding_a_dataset.md"
RUN = ("run", "--method", "dualhash_likelihood", "--epochs", "1", "--bits", "8")


class NoLoad:
    def __init__(self, root=None) -> None: ...


class NoRoot:
    def load(self) -> DataTable:
        return Digits().load()


class KeywordRoot(NoRoot):
    def __init__(self, *, root=None) -> None: ...


class Needs(NoRoot):
    def __init__(self, root, part) -> None: ...


class Something(NoLoad):
    def load(self):
        return {"inputs": np.zeros((3, 2)), "labels": np.zeros(3)}


class Forgot(NoLoad):
    def load(self):
        Digits().load()


@pytest.mark.parametrize(
    ("dataset_class", "options", "message"),
    [
        (NoLoad, {}, r"data set NoLoad: it has no method load\(\) that returns a hashbench.data.DataTable"),
        (NoRoot, {}, r"data set NoRoot: the constructor must take where the data are .* root=None"),
        (KeywordRoot, {}, r"data set KeywordRoot: the constructor must take where the data are"),
        (Needs, {}, r"data set Needs: missing a required argument: 'part'"),
        (Needs, {"path": 1}, r"data set Needs: there is no option 'path'\. Did you mean part\?"),
        (Digits, {"root": "x"}, r"data set Digits: there is no option 'root'"),
        (Something, {}, r"data set Something: load\(\) returned dict, not a hashbench.data.DataTable"),
        (Forgot, {}, r"data set Forgot: load\(\) returned NoneType, not"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_line(dataset_class, options, message):
    with pytest.raises(UserError, match=message) as caught:
        load_table(dataset_class, None, options)
    assert "\n" not in str(caught.value)


def test_data_sets_of_files_have_an_index(tmp_path):
    assert isinstance(make_dataset(ImageFolder, tmp_path), IndexedDataset)
    assert not isinstance(make_dataset(Digits), IndexedDataset)


def test_a_table_of_arrays():
    table = DataTable.from_arrays("mine", [[1, 2], [3, 4], [5, 6]], ["b", "a", "b"], {"train": np.array([0])})
    assert torch.equal(table.inputs, torch.tensor([[1.0, 2], [3, 4], [5, 6]]))
    assert (table.labels.tolist(), table.num_classes, table.class_names) == ([1, 0, 1], 2, ("a", "b"))
    assert table.split is not None
    images = np.zeros((2, 8, 8, 3), dtype=np.uint8).transpose(0, 3, 1, 2)  # not in C order
    table = DataTable.from_arrays("mine", images, [[1, 1], [0, 1]])
    assert (table.kind, table.multilabel, table.inputs.shape) == ("image", True, (2, 3, 8, 8))


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        ([[1.0], [2.0]], [0.5, 1.0], "mine: class ids are whole numbers"),
        ([[1.0], [2.0]], [0, 1, 1], "mine: .* 3 rows of labels for 2 rows of inputs"),
        ([[1e300], [2.0]], [0, 1], "mine: features hold NaN or infinity .*first: 0"),
        ([["a"], ["b"]], [0, 1], "mine: inputs of type <U1; give numbers"),
        ([[None], [1]], [0, 1], "mine: inputs of type object; give numbers"),
        ([1.0, 2.0], [0, 1], r"mine: inputs \(2,\) float64: expected"),
        (np.zeros((2, 3, 8, 8)), [0, 1], "images are uint8"),
        (np.zeros((0, 2)), [], "labels of shape .* hold nothing"),
    ],
)
def test_arrays_that_are_no_table_are_refused_in_one_line(inputs, labels, message):
    with pytest.raises(UserError, match=message):
        DataTable.from_arrays("mine", inputs, labels)


def files_of_the_page() -> dict[str, str]:
    """File name -> content of the page's blocks of code."""
    blocks = re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(blocks)


def without_decorator(source: str) -> str:
    return re.sub(r"^(from hashbench\.registry .*|@DATASETS.*)\n", "", source, flags=re.MULTILINE)


def test_the_page_has_a_file_of_twenty_lines():
    assert len(files_of_the_page()["rings.py"].splitlines()) <= 22
    assert set(files_of_the_page()) == {"rings.py", "shapes.py", "hashbench.yaml"}


def test_the_decorated_file_of_the_page_is_checked_and_trained_on(cli, tmp_path):
    (tmp_path / "rings.py").write_text(files_of_the_page()["rings.py"])
    code, out, err = cli("check-data", "rings", "--import", "rings.py")
    assert (code, "1,000" in out) == (0, True), err
    words = (*RUN, "--import", "rings.py", "--protocol", "features", "--dataset", "rings")
    code, out, err = cli(*words, "--set", "dataset.rings=3")
    assert code == 0, err
    assert "mAP" in out
    assert_refused(cli(*words, "--set", "dataset.ring=3"), "ring", "Did you mean rings?")


def test_an_entry_names_a_data_set_too(cli, tmp_path):
    (tmp_path / "rings.py").write_text(without_decorator(files_of_the_page()["rings.py"]))
    (tmp_path / "hashbench.yaml").write_text("datasets: {rings: {class: 'rings:Rings', hparams: {noise: 0.2}}}")
    code, out, err = cli("check-data", "rings")
    assert (code, "1,000" in out) == (0, True), err
    code, out, err = cli(*RUN, "--protocol", "features", "--dataset", "rings")
    assert code == 0, err
    assert "mAP" in out


def test_the_images_of_the_page_are_trained_on_by_their_entry(cli, tmp_path):
    for name in ("shapes.py", "hashbench.yaml"):
        (tmp_path / name).write_text(files_of_the_page()[name])
    images, random = tmp_path / "images", np.random.default_rng(0)
    images.mkdir()
    for kind in ("circle", "square"):
        for number in range(30):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / f"{kind}-{number:02}.png")
    words = ("--dataset", "shapes", "--method", "dsh", "--epochs", "1", "--bits", "8")
    assert_refused(cli("run", *words), "data set shapes needs --data-root")
    code, out, err = cli("run", *words, "--data-root", images)
    assert code == 0, err
    (images / "circle-00.png").write_text("no image")
    code, out, _ = cli("check-data", "shapes", "--data-root", images)
    assert (code, "circle-00.png" in out) == (1, True)


def test_a_class_that_is_no_data_set_is_refused_by_run_and_check_data(cli, tmp_path):
    (tmp_path / "wrong_data.py").write_text(
        "class Wrong:\n    def __init__(self, root=None): ...\n    def load(self):\n        return [1, 2]\n"
    )
    (tmp_path / "hashbench.yaml").write_text("datasets: {wrong: {class: 'wrong_data:Wrong'}}")
    for words in (("check-data", "wrong"), (*RUN, "--dataset", "wrong")):
        assert_refused(cli(*words), "data set Wrong: load() returned list, not a hashbench.data.DataTable")
