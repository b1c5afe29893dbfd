"""registry.yaml: what is accepted, what is refused and how, plugins of all kinds."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hashbench.catalog import catalog as module
from hashbench.catalog import load_catalog
from hashbench.catalog.yaml_file import read_catalog_file
from hashbench.errors import UserError

METHOD = """
methods:
  mine:
    class: my_method:Mine
    kind: deep
    optimizer: {type: SGD, lr: 0.1}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_our_own_catalogue_is_valid_and_complete():
    catalog = load_catalog()
    assert {"digits", "cifar10-dualhash", "cifar10-54k"} <= set(catalog.protocols)
    assert {"dualhash_stom"} <= set(catalog.methods)
    assert not catalog.broken
    for protocol in catalog.protocols.values():
        catalog.dataset(protocol.dataset)
        catalog.backbone(protocol.backbone)


def test_every_class_of_our_catalogue_imports():
    catalog = load_catalog()
    for section in ("methods", "backbones", "datasets"):
        for name in getattr(catalog, section):
            assert isinstance(catalog.load_class(section, name), type)


def test_catalogue_is_read_without_torch_or_mmengine():
    code = "import sys; from hashbench.catalog import load_catalog; load_catalog(); print('torch' in sys.modules, 'mmengine' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False False"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (METHOD.replace("optimizer:", "optimiser:"), 6, ["optimiser", "optimizer"]),
        (METHOD + "    hparms: {a: 1}\n", 7, ["hparms", "unknown key", "hparams"]),
        (METHOD.replace("deep", "profound"), 5, ["kind", "deep", "profound"]),
        (METHOD.replace("my_method:Mine", "my_method.Mine"), 4, ["package.module:Class"]),
        ("method:\n  x: {}\n", 1, ["method", "unknown key", "methods"]),
        ("methods:\n  - a\n", 1, ["methods"]),
        ("methods: [\n", 2, ["YAML"]),
        (METHOD + "  mine:\n    class: a:B\n    kind: shallow\n", 7, ["mine", "twice"]),
        (
            "protocols:\n  p:\n    version: 1\n    dataset: digits\n    split: {fractionz: {test: 0.2}}\n    backbone: b\n    epochs: 1\n    batch_size: 8\n",
            5,
            ["fractionz"],
        ),
    ],
)
def test_a_wrong_file_is_explained_in_one_line_with_its_place(tmp_path, text, line, words):
    path = write(tmp_path / "registry.yaml", text)
    with pytest.raises(UserError) as caught:
        read_catalog_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}:"), message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_hashbench_yaml_of_the_working_folder_and_plugin_option(tmp_path):
    write(tmp_path / "hashbench.yaml", METHOD)
    other = write(tmp_path / "other.yaml", METHOD.replace("mine", "other"))
    catalog = load_catalog([other], folder=tmp_path)
    assert catalog.method("mine").class_path == "my_method:Mine"
    assert catalog.sources["methods", "other"].file == other


def test_class_beside_a_local_file_is_imported_when_used(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path / "local_beside.py", "from hashbench.models import DeepMethod\nclass Mine(DeepMethod): pass\n")
    path = write(tmp_path / "plugin.yaml", METHOD.replace("my_method", "local_beside"))
    catalog = load_catalog([path], folder=tmp_path)
    assert "local_beside" not in sys.modules
    assert catalog.load_class("methods", "mine").__name__ == "Mine"


def test_two_plugins_with_one_name_are_both_shown(tmp_path):
    first, second = (write(tmp_path / name, METHOD) for name in ("a.yaml", "b.yaml"))
    with pytest.raises(UserError) as caught:
        load_catalog([first, second], folder=tmp_path)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
    assert "'mine'" in str(caught.value)


def test_broken_installed_plugins_are_listed_and_break_nothing(tmp_path, monkeypatch):
    (tmp_path / "sick_plugin").mkdir()
    write(tmp_path / "sick_plugin" / "__init__.py", "raise RuntimeError('must not be imported to be listed')\n")
    write(tmp_path / "sick_plugin" / "registry.yaml", METHOD.replace("deep", "nonsense"))
    (tmp_path / "bare_plugin").mkdir()
    write(tmp_path / "bare_plugin" / "__init__.py", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = tuple(
        EntryPoint(n, v, module.GROUP)
        for n, v in [("sick", "sick_plugin"), ("bare", "bare_plugin"), ("gone", "no_such_package")]
    )
    monkeypatch.setattr(module, "_entry_points", lambda: points)
    catalog = load_catalog(folder=tmp_path)
    reasons = {b.name: b.reason for b in catalog.broken}
    assert set(reasons) == {"sick", "bare", "gone"}
    assert "nonsense" in reasons["sick"]
    assert "registry.yaml" in reasons["bare"]
    assert "not installed" in reasons["gone"]
    assert "digits" in catalog.protocols


def test_a_class_that_does_not_import_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path / "explodes.py", "import a_module_that_nobody_has\n")
    path = write(tmp_path / "plugin.yaml", METHOD.replace("my_method", "explodes"))
    catalog = load_catalog([path], folder=tmp_path)
    with pytest.raises(UserError, match="a_module_that_nobody_has"):
        catalog.load_class("methods", "mine")


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(UserError, match=r"no method named 'dualhash_stm'\. Did you mean dualhash_stom"):
        load_catalog().method("dualhash_stm")


def test_plugin_path_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_catalog([tmp_path / "nothing"], folder=tmp_path)
