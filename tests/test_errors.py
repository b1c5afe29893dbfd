"""What a message of an error looks like, whatever it quotes."""

from __future__ import annotations

import pytest
from refusal import short_id

from hashbench.errors import LONGEST, cut, did_you_mean, one_line, shown


@pytest.mark.parametrize(
    "text", ["x" * 5000, "word " * 900, "a\x1b[31mb\nc\r\x07\x9b\u202e\ud800", f"{'/folder' * 200}: gone"], ids=short_id
)
def test_a_message_is_one_short_line_without_control_characters(text):
    line = one_line(f"error: {text}")
    assert line.startswith("error: ")
    assert len(line) <= LONGEST
    assert line.isprintable()
    line.encode()


def test_a_long_message_keeps_both_ends_and_long_words_are_cut_before_sentences():
    assert one_line("what is wrong: " + "x" * 900 + "; do that").endswith("; do that")
    path = "/home/" + "long/" * 90 + "file.npz"
    assert one_line(f"{path}: cannot be read ({'reason ' * 10}); give another file") == one_line(
        f"{cut(path + ':', 120)} cannot be read ({'reason ' * 10}); give another file"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\nb", "'a\\nb'"), ("\x1b[0m", "'\\x1b[0m'"), ([1, "a"], "[1, 'a']"), (None, "None"), (1.5, "1.5"), ({"a": 1}, "{'a': 1}")],
)  # fmt: skip
def test_a_value_is_quoted_with_escapes(value, expected):
    assert shown(value) == expected


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, list(range(10**6)), 10**5000, -(10**5000), {"a": "b" * 10**6}, [[[[[[[[1]]]]]]]]],
    ids=short_id,
)
def test_a_long_value_is_cut(value):
    assert len(shown(value)) <= 80


def test_of_many_names_the_nearest_are_said_and_where_the_others_stand():
    known = [f"method_{number:03}" for number in range(200)]
    words = did_you_mean("method_9", known, "hashbench list methods")
    assert words.startswith("Did you mean method_")
    assert "... (all 200: hashbench list methods)." in words
    assert len(words) < 250
    assert did_you_mean("x", ["x" * 900]).count("x") < 150
    assert did_you_mean("a" * 10**6, known).startswith("Known: method_000")
    assert did_you_mean("a", []) == "Known: none."
