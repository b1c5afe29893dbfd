"""YAML and JSON of anybody: plain values, or what is wrong with them, before they cost time or memory."""

from __future__ import annotations

import os

import pytest
from refusal import short_id

from hashbench.plain import PlainError, json_values, plain_values, read_bytes, read_text, yaml_values

NESTED = "[" * 61 + "]" * 61
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
MERGED_LAUGHS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}\n" for level in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\n? [a]\n: 1", 2, "a name is a word"),
        ("? {a: 1}\n: 1", 1, "a name is a word"),
        ("1: a", 1, "the name '1' is not a word: put it in quotes"),
        ("b: {yes: 1}", 1, "the name 'yes' is not a word"),
        ("a: 1\nb: 2\na: 3", 3, "the name 'a' stands twice"),
        ("a: 2001-99-99", 1, "is a date: put it in quotes"),
        ("a: 2001-01-01", 1, "is a date"),
        ("2001-01-01: a", 1, "is a date"),
        ("a: !!timestamp x", 1, "is a date"),
        ("a: !!bool x", 1, "'x' is neither true nor false"),
        ("a: !!int x", 1, "is not a number"),
        ("a: !!float ''", 1, "is not a number"),
        ("a: !!null [1]", 1, "not valid YAML"),
        ("a: !!map [1]", 1, "not valid YAML"),
        ("a: !!set {b}", 1, "of the kind"),
        ("a: !!binary aGk=", 1, "of the kind"),
        ("a: !!python/object/apply:os.getpid []", 1, "of the kind"),
        ("a: =", 1, "of the kind"),
        ("a: .nan", 1, "not a finite number"),
        ("a: 1e999", 1, "not a finite number"),
        (f"a: {'9' * 5000}", 1, "not a number that can be read"),
        (f"a: 1{':59' * 5000}", 1, "not a number that can be read"),
        (f"a: {2**63}", 1, "at most 64 bits"),
        ("[" * 2000, 1, "not valid YAML"),
        ("[" * 100_000, 1, "not valid YAML"),
        (NESTED, 1, "nested more than 60 deep"),
        ("- " * 900 + "a", 1, "nested more than 60 deep"),
        ("{a: " * 900 + "1" + "}" * 900, 1, "nested more than 60 deep"),
        ("a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 999)), None, "nested more than 60 deep"),
        ("a: &a [*a]", 1, "contains itself"),
        ("a: &a {b: {c: *a}}", 1, "contains itself"),
        ("a: *b", 1, "undefined alias"),
        (LAUGHS, 6, "more than 100,000 values"),
        (MERGED_LAUGHS, None, "more than 100,000 values"),
        ("a: [", None, "not valid YAML"),
        ("a\n---\nb", None, "not valid YAML"),
        ("a: \0", None, "not valid YAML"),
        ("a: \udcff", None, "not UTF-8"),
        ("a: " + "x" * 2**20, None, "characters, more than"),
    ],
    ids=short_id,
)  # fmt: skip
def test_yaml_that_is_wrong_is_explained(text, line, words):
    with pytest.raises(PlainError) as caught:
        yaml_values(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250
    assert line in (None, caught.value.line)


def test_yaml_values_are_plain_and_aliases_and_merges_are_followed():
    text = "x: &x {a: 1, b: 1e-3}\ny: {<<: *x, a: [yes, ~, 'no', 0x10]}\nz: {<<: [*x, {c: 2}]}\nw: *x"
    x = {"a": 1, "b": 0.001}
    assert yaml_values(text) == {"x": x, "y": {"b": 0.001, "a": [True, None, "no", 16]}, "z": {**x, "c": 2}, "w": x}
    assert yaml_values("a: &a {<<: &b {c: 1}, c: 2}\nd: {<<: *a}\ne: *b") == {
        "a": {"c": 2},
        "d": {"c": 2},
        "e": {"c": 1},
    }
    assert yaml_values("") is None
    assert yaml_values(NESTED[1:-1]) is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1", "not valid JSON"),
        ("[" * 100_000, "nested more than 60 deep"),
        (NESTED, "nested more than 60 deep"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice"),
        ("[NaN]", "not a finite number"),
        ("1e999", "not a finite number"),
        ("9" * 5000, "not a number that can be read"),
        (str(2**64), "at most 64 bits"),
        ('["\\ud800"]', "half of a character"),
    ],
    ids=short_id,
)
def test_json_that_is_wrong_is_explained(text, words):
    with pytest.raises(PlainError) as caught:
        json_values(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250


def test_json_values_are_those_of_json():
    assert json_values('{"a": [1, 2.5, "é", null, true]}') == {"a": [1, 2.5, "é", None, True]}


def test_values_of_python_are_plain_or_refused():
    assert plain_values({"a": (1, 2.0)}) == {"a": [1, 2.0]}
    itself: list[object] = []
    itself.append(itself)
    for value in (object(), {1: 2}, [b"a"], {"a": {3}}, itself, float("nan")):
        with pytest.raises(PlainError):
            plain_values(value)


def test_only_regular_files_of_a_reasonable_size_are_read(tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(tmp_path / "text") == "a: 1"
    (tmp_path / "latin").write_bytes(b"\xe9")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)
    for path, words in [
        (tmp_path / "none", "No such file"),
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path / "large", "MiB, more than"),
        (tmp_path / ("x" * 5000), "File name too long"),
    ]:
        with pytest.raises(PlainError, match=words):
            read_bytes(path)
    with pytest.raises(PlainError, match="not UTF-8: byte 0"):
        read_text(tmp_path / "latin")
