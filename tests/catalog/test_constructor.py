"""What is read off a constructor's source is what the imported class says."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap

import pytest

from hashbench.catalog import load_catalog
from hashbench.catalog.constructor import REQUIRED, arguments_in_source, arguments_of


@pytest.mark.parametrize("section", ["methods", "backbones", "datasets", "optimizers", "schedules", "executors"])
def test_source_and_class_agree_for_all_that_is_ours(section):
    catalog = load_catalog()
    for name, entry in catalog.section(section).items():
        read = arguments_in_source(entry.class_path)
        if read is None:
            continue  # a default that is computed: the class is imported
        told = arguments_of(catalog.load_class(section, name))
        assert list(read) == list(told), name
        assert {key: one.default for key, one in read.items()} == {key: one.default for key, one in told.items()}, name


def test_the_source_of_every_method_says_what_it_takes():
    catalog = load_catalog()
    assert [n for n, entry in catalog.methods.items() if arguments_in_source(entry.class_path) is None] == []


def test_defaults_are_read_without_torch():
    code = (
        "import sys; from hashbench.catalog import load_catalog; c = load_catalog();"
        "print(c.defaults('methods', 'dsh')['alpha'], c.defaults('optimizers', 'StoM')['beta'], 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split()[1:] == ["0.9", "False"]


def test_no_entry_of_ours_repeats_a_default():
    catalog = load_catalog()
    for section in ("methods", "backbones", "datasets"):
        for name, entry in catalog.section(section).items():
            arguments = catalog.arguments(section, name)
            same = [k for k, value in entry.hparams.items() if k in arguments and arguments[k].default == value]
            shared = [e for e in catalog.section(section).values() if e.class_path == entry.class_path]
            assert not same or len(shared) > 1, f"{name}: {same}"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(code) -> (arguments read off it, arguments of the imported class Method)."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(code, name="constructor_toy"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        read = arguments_in_source(f"{name}:Method")
        return read, arguments_of(importlib.import_module(name).Method)

    return write


@pytest.mark.parametrize(
    "code",
    [
        "class Method:\n    def __init__(self, *, a: float = 1.0, b=(1, 2), c=None, d='x', e): ...",
        "class Method:\n    def __init__(self, a, b=-1, *, c=-1.0 / 3.0): ...",
        "LEAST = 4\nclass Method:\n    def __init__(self, a=LEAST): ...",
        "class Base:\n    def __init__(self, a=1): ...\nclass Mixin:\n    pass\nclass Method(Mixin, Base):\n    pass",
        "class Method:\n    pass",
        "def Method(optimizer, *, epochs, final=0.5): ...",
        """
        from hashbench.models.signature import passes_on_to
        class Base:
            def __init__(self, *, a=1, b=2): ...
        class Method(Base):
            @passes_on_to(Base)
            def __init__(self, *, b=3, c=4, **shared): ...
        """,
    ],
)
def test_what_the_source_says(written, code):
    read, told = written(code)
    assert read == told


@pytest.mark.parametrize(
    "code",
    [
        "import math\nclass Method:\n    def __init__(self, a=math.pi): ...",
        "import random\nSEED = random.random()\nclass Method:\n    def __init__(self, a=SEED): ...",
        "from dataclasses import dataclass\n@dataclass\nclass Method:\n    a: int = 1",
        "Method = type('Method', (), {})",
    ],
)
def test_what_the_source_does_not_say_is_left_to_the_import(written, code):
    assert written(code)[0] is None


def test_a_default_that_is_computed_comes_from_the_imported_class(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "computed_default.py").write_text(
        "import math\nfrom hashbench.models import DeepMethod\n"
        "class Mine(DeepMethod):\n"
        "    def __init__(self, *, bits, num_classes, num_train, turn=math.pi): ...\n"
    )
    (tmp_path / "hashbench.yaml").write_text("methods: {mine: {class: 'computed_default:Mine', kind: deep}}\n")
    assert load_catalog(folder=tmp_path).defaults("methods", "mine") == {"turn": pytest.approx(3.14159265)}


def test_required_arguments_have_no_default(written):
    read, _ = written("class Method:\n    def __init__(self, a, b=1): ...")
    assert read["a"].default is REQUIRED
    assert read["b"].default == 1


@pytest.mark.parametrize("path", ["no_such_module_at_all:X", "json:NoSuchClass", "sys:path"])
def test_a_module_without_source_or_class_is_none(path):
    assert arguments_in_source(path) is None
