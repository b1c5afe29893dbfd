"""A fingerprint follows everything that methods share, and nothing else."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.catalog import ProtocolEntry, SplitEntry
from hashbench.data import DeviceTransform
from hashbench.protocol import canonical, description, explain_difference, fingerprint, fingerprint_of

ENTRY = {
    "version": 1,
    "dataset": "digits",
    "split": SplitEntry(manifest="digits", sha256="0"),
    "backbone": "small_conv",
    "epochs": 10,
    "batch_size": 64,
}
FACTS = {
    "name": "digits",
    "data_checksum": "d",
    "split_checksum": "s",
    "weights_checksum": None,
    "transform": DeviceTransform("image", 8, "flip", [0.5], [0.25]).describe(),
}
CHANGES = {
    "version": 2,
    "dataset": "other",
    "dataset_hparams": {"features": "X"},
    "backbone": "identity",
    "backbone_hparams": {"width": 8},
    "pretrained": True,
    "frozen": True,
    "hidden": [16],
    "image_size": 32,
    "augment": "flip",
    "epochs": 11,
    "batch_size": 32,
    "precision": "bf16",
    "validate_every": 2,
    "patience": 3,
    "primary": "map@100",
    "topk": [100],
    "radii": [2],
    "denominator": "all",
    "optimizer": {"type": "Adam", "lr": 0.1},
    "schedule": {"type": "constant"},
    "standardize": True,
}


def of(changes=None, **facts):
    return fingerprint(ProtocolEntry(**{**ENTRY, **(changes or {})}), **{**FACTS, **facts})


def test_form():
    assert len(of()) == 16
    assert int(of(), 16) >= 0
    assert of() == of()


@pytest.mark.parametrize("field", sorted(set(ProtocolEntry.model_fields) - {"title", "split", "rates"}))
def test_every_shared_field_counts(field):
    """A field added to protocols fails here until its change is named above."""
    assert of({field: CHANGES[field]}) != of()


def test_every_fact_counts():
    others = [
        of(name="other"),
        of(data_checksum="e"),
        of(split_checksum="t"),
        of(weights_checksum="w"),
        of(transform=DeviceTransform("image", 8, "none", [0.5], [0.25]).describe()),
    ]
    assert len({of(), *others}) == 6


def test_title_and_the_way_to_the_rows_do_not_count():
    assert of({"title": "Digits"}) == of()
    assert of({"split": SplitEntry(fractions={"test": 0.2, "validation": 0.1}, seed=4)}) == of()


def test_allowed_overlaps_are_said_and_count():
    allowed = ProtocolEntry(**{**ENTRY, "split": SplitEntry(manifest="digits", sha256="0", allow={"train+test": 3})})
    assert description(allowed, **FACTS)["split_allows"] == {"train+test": 3}
    assert fingerprint(allowed, **FACTS) != of()
    assert "split_allows" not in description(ProtocolEntry(**ENTRY), **FACTS)


def test_description_survives_the_result_file():
    kept = json.loads(json.dumps(description(ProtocolEntry(**ENTRY), **FACTS)))
    assert fingerprint_of(kept) == of()
    assert explain_difference(kept, description(ProtocolEntry(**ENTRY), **FACTS)) == []


def test_differences_are_named():
    a = description(ProtocolEntry(**ENTRY), **FACTS)
    changed = ProtocolEntry(**{**ENTRY, "epochs": 20, "hidden": [8]})
    b = description(changed, **{**FACTS, "transform": {**FACTS["transform"], "size": 32}})
    assert explain_difference(a, b) == ["epochs: 10 | 20", "hidden: [] | [8]", "transform.size: 8 | 32"]


def test_a_field_of_one_side_is_named():
    assert explain_difference({"a": 1, "c": {}}, {"a": 1.0, "b": {"x": None}}) == [
        "b.x: absent | null",
        "c: {} | absent",
    ]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, 1),
        (-0.0, 0),
        ((1, 2), [1, 2]),
        (np.float64(0.1), 0.1),
        (np.int32(3), 3),
        (np.bool_(True), True),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        (1e3, 1000),
    ],
)
def test_one_spelling_a_value(a, b):
    assert canonical(a) == canonical(b)


@pytest.mark.parametrize(("a", "b"), [(1, "1"), (1, True), (None, "null"), ([], {}), (0.1, 0.1 + 1e-12), ("a", ["a"])])
def test_other_values_other_words(a, b):
    assert canonical(a) != canonical(b)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_no_word_for_nan(value):
    with pytest.raises(ValueError, match="no canonical form"):
        canonical(value)


@pytest.mark.parametrize(("value", "message"), [({1, 2}, "set"), (b"x", "bytes"), ({1: 2}, "keys must be strings")])
def test_no_word_for_other_types(value, message):
    with pytest.raises(TypeError, match=message):
        canonical(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_canonical_keeps_the_value(value):
    assert json.loads(canonical(value)) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), values),
    st.dictionaries(st.text("abc", min_size=1, max_size=2), values),
)
def test_no_difference_if_and_only_if_the_same(a, b):
    assert (explain_difference(a, b) == []) == (canonical(a) == canonical(b))
