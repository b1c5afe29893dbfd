"""Nonsense for any field of a protocol or hyper-parameter of a backbone is refused in one line, before any training.

What is accepted gives a runner that is ready to train. Either way nothing is left behind.
"""

from __future__ import annotations

import pytest

from hashbench.backbones.build import build_backbone
from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.catalog.schema import ProtocolEntry
from hashbench.engine.experiment import prepare
from hashbench.engine.reporter import Reporter
from hashbench.engine.runner import HashRunner
from hashbench.errors import UserError
from hashbench.results.folder import RunFolder

NONSENSE = (
    *(
        "-1",
        "0",
        "1e12",
        "1000000000000",
        f"1{'0' * 18}",
        f"1{'0' * 40}",
        "2.5",
        ".nan",
        ".inf",
        "true",
        "null",
        "word",
        '""',
    ),
    *("[]", "[0]", "[-1]", "[1000000000000]", "[2.5]", "[true]", "[word]", "[null]", "[[1]]", "{}", "{a: 1}"),
    "[65536, 65536, 65536, 65536]",
)
WHOLE = ("version", "image_size", "epochs", "batch_size", "validate_every", "patience")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return load_catalog(folder=tmp_path_factory.mktemp("empty"))


def asked(catalog, tmp_path, *sets, **options):
    return resolve(catalog, method="dsh", bits=8, sets=sets, out=tmp_path / "runs", **options)


def refusal(ready) -> str | None:
    """The words of a refusal, checked to be one line; None where there was none. Any other exception is a fault."""
    try:
        ready()
    except UserError as error:
        message = str(error)
    else:
        return None
    assert "\n" not in message
    # A list of all names that there are may follow, which is as long as it is.
    assert len(message.partition("Known: ")[0]) <= 300
    return message


@pytest.mark.parametrize("field", ProtocolEntry.model_fields)
def test_a_protocol_field(catalog, tmp_path, monkeypatch, field):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))

    def ready(value):
        spec = asked(catalog, tmp_path, f"protocol.{field}={value}")
        HashRunner(prepare(spec, catalog, Reporter()), RunFolder(tmp_path / "work"))

    refused = {value: refusal(lambda value=value: ready(value)) for value in NONSENSE}
    assert any(refused.values())
    assert not [path for path in (*tmp_path.glob("runs/**/*"), *tmp_path.glob("work/**/*")) if path.is_file()]
    if field in WHOLE:
        for value in ("-1", "0", f"1{'0' * 18}", "2.5", "true", "word", "[0]", "{}"):
            assert f"protocol field {field}: " in (refused[value] or "accepted"), value


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("hidden", "[-1]", "protocol field hidden.0: Input should be greater than or equal to 1, got -1"),
        ("hidden", "[64, 0]", "protocol field hidden.1: "),
        ("hidden", "[1000000000000]", "protocol field hidden.0: Input should be less than or equal to 65536"),
        ("hidden", "[65536, 65536, 65536, 65536, 65536, 65536, 65536, 65536, 65536]", "more than the memory"),
        ("topk", "[0]", "protocol field topk.0: Input should be greater than or equal to 1, got 0"),
        ("topk", "[2.5]", "protocol field topk.0: "),
        ("topk", "[true]", "protocol field topk.0: "),
        ("radii", "[-1]", "protocol field radii.0: Input should be greater than or equal to 0, got -1"),
        ("radii", "[1e12]", "protocol field radii.0: "),
        ("epochs", "true", "protocol field epochs: a whole number is expected, got True"),
        ("image_size", "1000000", "protocol field image_size: "),
        ("primary", "mapp", "protocol field primary: no metric 'mapp'. Did you mean map"),
        ("primary", "map@7", "protocol field primary: no metric 'map@7'"),
    ],
)
def test_what_is_said(catalog, tmp_path, field, value, words):
    message = refusal(
        lambda: HashRunner(
            prepare(asked(catalog, tmp_path, f"protocol.{field}={value}"), catalog, Reporter()),
            RunFolder(tmp_path / "work"),
        )
    )
    assert words in (message or "accepted")


@pytest.mark.parametrize(
    "split",
    [
        "{fractions: {test: -1, validation: 0.1}}",
        "{fractions: {test: 1e-12, validation: 0.1}}",
        "{fractions: {test: 0.9, validation: 0.2}}",
        "{fractions: {test: word, validation: 0.1}}",
        "{fractions: {test: 0.2}}",
        "{fractions: {}}",
        "{fractions: {test: 0.2, validation: 0.1}, seed: true}",
        "{fractions: {test: 0.2, validation: 0.1}, seed: 1.5}",
        "{unseen: {test_classes: 1000000000000}}",
        "{unseen: {test_classes: 0}}",
        "{unseen: {test_classes: 4, queries: 1e-9}}",
        "{unseen: {test_classes: 4, queries: 2}}",
        "{unseen: {test_classes: 4, per_class: 1000000}}",
        "{manifest: digits}",
        "{manifest: digits, sha256: word}",
        "{manifest: nosuch, sha256: word}",
        "{manifest: .., sha256: word}",
        "{manifest: '', sha256: word}",
    ],
)
def test_a_split(catalog, tmp_path, split):
    assert refusal(lambda: prepare(asked(catalog, tmp_path, f"protocol.split={split}"), catalog, Reporter()))


SHAPES = {"identity": (5,), "small_conv": (1, 8, 8)}
BACKBONES = ("identity", "small_conv", "resnet18", "squeezenet1_1", "mobilenetv2_tf")


@pytest.mark.parametrize("name", BACKBONES)
def test_hyper_parameters_of_a_backbone(catalog, tmp_path, name):
    entry = catalog.backbone(name)
    more = ["no_such"] + (["drop_rate", "in_channels"] if name.startswith("mobile") else [])

    def ready(key, value):
        settings = asked(catalog, tmp_path, f"backbone.{key}={value}", backbone=name).settings
        build_backbone(
            catalog.load_class("backbones", name),
            in_shape=SHAPES.get(name, (3, 64, 64)),
            hparams={**entry.hparams, **settings.backbone_hparams},
        )

    for key in [*catalog.defaults("backbones", name), *more]:
        said = [refusal(lambda key=key, value=value: ready(key, value)) for value in NONSENSE]
        assert any(said), key


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("widths=3", "backbone.widths=3: expected a list"),
        ("widths=[1000000000000]", "whole numbers from 1 to 65536"),
        ("widths=[true]", "whole numbers from 1 to 65536"),
        ("out_features=0", "whole numbers from 1 to 65536"),
    ],
)
def test_widths(catalog, tmp_path, value, words):
    def ready():
        prepare(asked(catalog, tmp_path, f"backbone.{value}"), catalog, Reporter())

    assert words in (refusal(ready) or "accepted")
